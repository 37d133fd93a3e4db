# syntax=docker/dockerfile:1
# One binary on a small Debian. Queries are checked against .sqlx, so building needs no database.

FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin numbercloak \
    && install -D target/dist/numbercloak /out/numbercloak

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="Numbercloak" \
      org.opencontainers.image.licenses="Apache-2.0"
# Operators are trusted by the system's authorities.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/numbercloak /usr/local/bin/numbercloak
# Both belong to the user, so that new volumes mounted there do, too.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin numbercloak \
    && install -d -m 0700 -o numbercloak -g numbercloak /keys /demo
USER numbercloak
EXPOSE 8080
STOPSIGNAL SIGTERM
# The management listener is on this container's loopback and nowhere else.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9000 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == *' 200 '* ]]"]
ENTRYPOINT ["numbercloak"]
CMD ["serve"]
