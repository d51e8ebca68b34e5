-- What exists of a schema, as facts: kind, table, name, detail (schema-check/schema-facts.ts). $1 to $3 are the names of tables, types
-- and columns as arrays, $4 the schema, $5 what it is in SQL that an operator reads, $6 the version of the change feed.
-- One round trip, without a lock on the tables, which a probe would wait for: pg_get_indexdef, which takes one, is called for
-- expressions only.
with ours as (
  select c.oid, c.relname::text as name, c.relnamespace, c.relkind, c.relpersistence, c.relreplident
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $4 and c.relname = any ($1::text[])
), tables as (select * from ours where relkind in ('r', 'p')), feed as (
  select c.oid, c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $4 and c.relname in ('flux_dao_change_feed', 'flux_dao_changes', 'flux_dao_new_changes')
)
select 'table' as kind, name as "table", '' as name,
  case when relkind in ('v', 'm') then 'view' when relkind not in ('r', 'p') then 'other'
    when relpersistence = 'u' then 'unlogged' else 'table' end as detail
from ours
union all
select 'column', t.name, a.attname::text, case when y.typtype <> 'e' then format_type(a.atttypid, a.atttypmod)
    when y.typnamespace = t.relnamespace then y.typname else y.typnamespace::regnamespace || '.' || y.typname end
  || coalesce(' COLLATE ' || l.collname, '')
  || case when a.attgenerated <> '' then ' GENERATED' when a.attidentity = 'a' then ' IDENTITY'
    when a.atthasdef or a.attidentity = 'd' then ' DEFAULT' else '' end
  || case when a.attnotnull then ' NOT NULL' else '' end
from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid
left join pg_collation l on l.oid = a.attcollation and not l.collisdeterministic
union all
select 'constraint', t.name, k.conname::text, case k.contype
  when 'c' then 'CHECK (' || (select string_agg(a.attname, ', ' order by a.attname)
    from pg_attribute a where a.attrelid = t.oid and a.attnum = any (k.conkey)) || ')'
  else replace(regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''), coalesce(' REFERENCES ' || nullif(k.confrelid, 0)::regclass, ''),
    coalesce(' REFERENCES ' || (select case when f.relnamespace = t.relnamespace then '' else f.relnamespace::regnamespace || '.' end || f.relname
      from pg_class f where f.oid = k.confrelid), '')) end
  || case when exists (select from pg_trigger g where g.tgconstraint = k.oid and g.tgenabled in ('D', 'R')) then ' DISABLED' else '' end
from tables t join pg_constraint k on k.conrelid = t.oid where k.contype in ('c', 'f', 'p', 'u')
union all
select 'index', t.name, c.relname::text, case when not i.indisvalid then 'invalid'
  when i.indisunique and i.indimmediate and i.indpred is null then 'UNIQUE (' || (select string_agg(case i.indkey[n - 1] when 0
    then pg_get_indexdef(i.indexrelid, n, true) else (select quote_ident(a.attname) from pg_attribute a
    where a.attrelid = i.indrelid and a.attnum = i.indkey[n - 1]) end, ', ' order by n) from generate_series(1, i.indnkeyatts) n) || ')' else '' end
from tables t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
union all
select 'rule', t.name, r.rulename::text, ''
from tables t join pg_rewrite r on r.ev_class = t.oid and r.ev_enabled <> 'D' and (r.is_instead or r.ev_type in ('2', '3'))
union all
select 'enum', y.typname::text, '', coalesce(string_agg(e.enumlabel, ', ' order by e.enumsortorder), '')
from pg_type y join pg_namespace n on n.oid = y.typnamespace left join pg_enum e on e.enumtypid = y.oid
where n.nspname = $4 and y.typname = any ($2::text[]) group by y.typname
union all
select 'change feed', '', name, 'table' from feed
union all
select 'change feed', '', p.proname::text, case when substring(p.prosrc from '^-- feed ([0-9]{1,9})')::integer > $6::integer then 'newer'
  else md5(p.prosrc) || case when not p.prosecdef then ''
    when exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0) then ' definer public'
    else ' definer' end end
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $4 and starts_with(p.proname::text, 'flux_dao_')
union all
select 'change feed', t.name, g.tgname::text, case when g.tgenabled in ('D', 'R') then 'disabled' else 'enabled' end
from tables t join pg_trigger g on g.tgrelid = t.oid and starts_with(g.tgname::text, 'flux_dao_changes_')
union all
select 'replica identity', t.name, string_agg(distinct c.name, ', ' order by c.name desc), ''
from tables t join pg_publication p on p.puballtables
  or exists (select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = t.oid)
  or exists (select from pg_publication_namespace n where n.pnpubid = p.oid and n.pnnspid = t.relnamespace),
  lateral (values ('update', p.pubupdate), ('delete', p.pubdelete)) c (name, is_published)
where c.is_published and t.relreplident <> 'f' and not exists (select from pg_index i where i.indrelid = t.oid
  and case t.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end)
group by t.name
union all
select 'replication role', '', '', quote_ident(current_user) where current_setting('session_replication_role') = 'replica'
union all
select 'privileges', '', '', 'usage on schema ' || quote_ident(nspname) || ' to ' || quote_ident(current_user)
from pg_namespace where nspname = $4 and not has_schema_privilege(oid, 'usage')
union all
select 'privileges', t.name, '', string_agg(p.name, ', ' order by p.place) || ' on ' || $5 || t.name || ' to ' || quote_ident(current_user)
from tables t, unnest('{select,insert,update,delete}'::text[]) with ordinality p (name, place)
where not has_table_privilege(t.oid, p.name) and case p.name when 'delete' then true
  else exists (select from pg_attribute a where a.attrelid = t.oid and t.name || '.' || a.attname = any ($3::text[])
    and (p.name = 'select' or a.attname <> 'created_at' or p.name = 'update' and t.name = 'idempotency_keys')
    and (p.name <> 'update' or a.attname <> all ('{id,user_id,goal_id,scope,key}'))
    and not has_column_privilege(t.oid, a.attnum, p.name)) end
group by t.name
union all
select 'privileges', f.name, '', string_agg(p.name, ', ' order by p.place) || ' on ' || $5 || f.name || ' to ' || quote_ident(current_user)
from feed f, unnest('{select,insert,update,delete}'::text[]) with ordinality p (name, place)
where not has_table_privilege(f.oid, p.name) group by f.name
union all
select 'policies', t.name, string_agg(c.name, ', ' order by c.place), quote_ident(current_user)
from tables t, unnest('{select,insert,update,delete}'::text[], '{r,a,w,d}'::text[]) with ordinality c (name, letter, place)
where row_security_active(t.oid) and (select count(*) filter (where p.polpermissive and not p.denies) = 0
    or count(*) filter (where not p.polpermissive and p.denies) > 0
  from (select polpermissive, coalesce((case c.letter when 'a' then coalesce(polwithcheck, polqual) else polqual end)::text
      like '{CONST %:constvalue 1 [ 0 %', false) as denies
    from pg_policy where polrelid = t.oid and polcmd::text in ('*', c.letter)
      and exists (select from unnest(polroles) role where role = 0 or pg_has_role(role, 'usage'))) p)
group by t.name
