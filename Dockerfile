# syntax=docker/dockerfile:1.7.1@sha256:a57df69d0ea827fb7266491f2813635de6f17269be881f696fbfdf2d83dda33e
# One image with all programs; docker-compose.yml says which of them a container runs.

FROM rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    # by package: of the whole workspace the features would be in them that only fuzzing needs
    cargo build --profile dist --locked \
        --package cybexp --package cybexp-api --package cybexp-archive --package cybexp-analytics \
        --package cybexp-report --package cybexp-input --package cybexp-web \
    && install -D --strip --target-directory=/out \
        target/dist/cybexp target/dist/cybexp-api target/dist/cybexp-archive \
        target/dist/cybexp-analytics target/dist/cybexp-report target/dist/cybexp-input target/dist/cybexp-web \
    && install -d /spool

# glibc, libgcc, root certificates: no shell, no package manager
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build /out/ /usr/bin/
# a new volume takes its owner from here
COPY --from=build --chown=10001:10001 --chmod=0700 /spool /var/lib/cybexp-input
USER 10001:10001
WORKDIR /
CMD ["cybexp", "--help"]
