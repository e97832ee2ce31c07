# syntax=docker/dockerfile:1
# One image with all programs; docker-compose.yml says which of them a container runs.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --profile dist --locked \
        --bin cybexp --bin cybexp-api --bin cybexp-archive --bin cybexp-analytics --bin cybexp-report \
        --bin cybexp-input --bin cybexp-web \
    && install -D --strip --target-directory=/out \
        target/dist/cybexp target/dist/cybexp-api target/dist/cybexp-archive \
        target/dist/cybexp-analytics target/dist/cybexp-report target/dist/cybexp-input target/dist/cybexp-web \
    && install -d /spool

# glibc, libgcc, root certificates: no shell, no package manager
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/ /usr/bin/
# a new volume takes its owner from here
COPY --from=build --chown=10001:10001 --chmod=0700 /spool /var/lib/cybexp-input
USER 10001:10001
WORKDIR /
CMD ["cybexp", "--help"]
