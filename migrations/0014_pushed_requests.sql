create table pushed_requests (
    id uuid not null constraint pushed_requests_pkey primary key,
    hash bytea not null,
    client_id text not null,
    sealed bytea not null,
    number_hashes bytea[] not null,
    expires_at timestamptz not null,
    login_id uuid
);
comment on table pushed_requests is
    'Authorization requests that clients pushed (RFC 9126), by the id and hash of their request_uri. sealed: the parameters, which may hold a number; number_hashes: its keyed hashes, so that what is known of it is found with the request. login_id: the one login it opened; with it, it is used.';
create index pushed_requests_expires on pushed_requests (expires_at);
grant select, insert, update, delete on pushed_requests to numbercloak_app;
