#!/bin/bash
# Run by the compose file's demo profile: the simulator as an operator, and the demo app as a client.
# Does nothing the second time.
set -euo pipefail
cd /demo
umask 077
if [ ! -e simulator-secret ]; then
    head -c 32 /dev/urandom | base64 | tr -d '+/=\n' >simulator-secret
fi
# What the simulator knows of us.
printf '[{"client_id":"numbercloak","client_secret":"%s","redirect_uris":["%s/broker/simulator/endpoint"]}]\n' \
    "$(cat simulator-secret)" "$NUMBERCLOAK__ISSUER" >simulator-clients.json
if ! numbercloak operator show simulator >/dev/null 2>&1; then
    numbercloak operator add simulator --name 'Operator simulator' --mode test --prefix 990 \
        --issuer http://127.0.0.1:8090 --api-root http://127.0.0.1:8090 \
        --client-id numbercloak --client-secret-file simulator-secret --set login_hint=tel
fi
if [ ! -e demo-client.json ]; then
    numbercloak client create --name 'Demo app' --client-id demo --type web --test \
        --redirect-uri http://127.0.0.1:8081/callback --json >demo-client.tmp
    mv demo-client.tmp demo-client.json
fi
