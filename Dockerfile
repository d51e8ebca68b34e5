# The service as an image: built from this repository, with nothing in it that serving does not need.
FROM node:24-alpine AS build
WORKDIR /build
COPY . .
RUN npx --yes pnpm@10.34.9 install --frozen-lockfile --filter "./packages/*" --filter . \
  && npx --yes pnpm@10.34.9 build \
  && npx --yes pnpm@10.34.9 --config.inject-workspace-packages=true --filter @flux/dao-http deploy --prod /service

FROM node:24-alpine
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000
COPY --from=build /service /service
# An empty folder: the program reads no file of the folder that it is started in.
WORKDIR /srv
# The image's account node, by its number, so that it can be seen not to be root.
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/service/bin/flux-dao.js"]
CMD ["serve"]
