export const GIVEN_NAMES = [
  ...([
    "Ada",
    "Aisha",
    "Ana",
    "Björn",
    "Carlos",
    "Chen",
    "Chloé",
    "Daniel",
    "Elena",
    "Emeka",
    "Fatima",
    "Grace",
  ] as const),
  ...(["Hannah", "Ivan", "Jane", "João", "Kenji", "Lars", "Leila", "Lucía", "Marek", "Maya", "Mei", "Noah"] as const),
  ...(["Olga", "Omar", "Priya", "Rosa", "Samuel", "Sofia", "Tariq", "Thandi", "Tomás", "Wei", "Yuki", "Zoë"] as const),
] as const;

export const FAMILY_NAMES = [
  ...(["Adeyemi", "Andersson", "Bauer", "Brown", "Costa", "Dubois", "Evans", "Fischer", "García", "Haddad"] as const),
  ...([
    "Hansen",
    "Ivanova",
    "Jones",
    "Kaya",
    "Kowalski",
    "Lindqvist",
    "Martín",
    "Mensah",
    "Müller",
    "Nakamura",
  ] as const),
  ...(["Nguyen", "Novák", "O'Brien", "Okafor", "Patel", "Rossi", "Santos", "Silva", "Singh", "Tanaka"] as const),
  ...(["Taylor", "Walker", "Wang", "Weber", "Yılmaz", "Zhang"] as const),
] as const;

/** Where users live, and how many hours their clocks are ahead of UTC, ignoring daylight saving time. */
export const TIME_ZONES = [
  { name: "America/Los_Angeles", ahead: -8 },
  { name: "America/New_York", ahead: -5 },
  { name: "America/Sao_Paulo", ahead: -3 },
  { name: "Europe/London", ahead: 0 },
  { name: "Africa/Lagos", ahead: 1 },
  { name: "Europe/Berlin", ahead: 1 },
  { name: "Asia/Tokyo", ahead: 9 },
] as const;
