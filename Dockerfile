# The image of gehoord: one program on a slim Debian, run by a user without rights, with all its data in /data.
#
#   docker build -t gehoord .                        builds the program in the image's own build stage
#   scripts/build-image                              where no registry of images can be reached: makes the base
#                                                    itself and packs a program built outside (target "prebuilt")
#
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v gehoord:/data gehoord
#
# The stages stand in this order so that a build of "prebuilt" never reaches the compiler's image.

ARG BASE=debian:bookworm-slim
ARG RUST_BASE=rust:1-slim-bookworm

# What both ways of building share: everything but the program.
FROM ${BASE} AS base
# Roots of trust for outgoing TLS, and the time zones in which a team's office hours are written.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && groupadd --gid 65532 gehoord \
 && useradd --uid 65532 --gid 65532 --no-log-init --no-create-home --home-dir /data --shell /usr/sbin/nologin gehoord \
 && install -d -o 65532 -g 65532 -m 750 /data
ENV GEHOORD_DATA=/data
# Also where SQLite puts a temporary file when the rest of the file system is read-only and there is no /tmp.
WORKDIR /data
VOLUME /data
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM
# The program checks itself: the image needs no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["gehoord", "health"]
ENTRYPOINT ["gehoord"]
CMD ["run"]

# The program was built outside; scripts/build-image puts it here.
FROM base AS prebuilt
COPY target/image/gehoord /usr/local/bin/gehoord

FROM ${RUST_BASE} AS build
WORKDIR /src
COPY . .
# The caches survive between builds, so that a change of ours does not compile every dependency again. The program
# is moved out of them, since they are no part of the stage.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin gehoord && cp target/release/gehoord /gehoord

# Last, since the last stage is what a build without --target gives.
FROM base AS runtime
COPY --from=build /gehoord /usr/local/bin/gehoord
