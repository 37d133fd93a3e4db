-- Refresh tokens, bound tokens and tokens for resources.

alter table codes
    add column dpop_jkt text,
    add column resources text[] not null default '{}',
    add column kept_until timestamptz;
comment on column codes.dpop_jkt is 'The thumbprint of the DPoP key the request named (RFC 9449 section 10).';
comment on column codes.resources is 'The resources the request asked a token for (RFC 8707).';
comment on column codes.kept_until is
    'When its grant ends: a code is known that long, so that a replay at any time ends what it gave.';
drop index codes_expires;
create index codes_kept on codes (coalesce(kept_until, expires_at));

alter table access_tokens
    add column issued_at timestamptz,
    add column scopes text[],
    add column audiences text[] not null default '{}',
    add column jkt text,
    add column x5t text;
comment on table access_tokens is
    'Access tokens, by the hash of the token or of a JWT''s jti. Dead once expired, deleted, or their grant ended. scopes: those of the grant it was narrowed to, if it was. audiences: the resources it is for; none: userinfo. jkt, x5t: the key and the certificate it is bound to.';

create table refresh_tokens (
    hash bytea not null constraint refresh_tokens_pkey primary key,
    grant_id uuid not null,
    client_id text not null,
    resources text[] not null,
    jkt text,
    x5t text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
comment on table refresh_tokens is
    'Refresh tokens, by hash; all of one grant are one family. used_at: rotated away; brought again it ends the grant. jkt, x5t: the key and the certificate a public client''s is bound to. resources: those of the authorization request.';
create index refresh_tokens_grant on refresh_tokens (grant_id);
create index refresh_tokens_expires on refresh_tokens (expires_at);

create table dpop_proofs (
    hash bytea not null constraint dpop_proofs_pkey primary key,
    expires_at timestamptz not null
);
comment on table dpop_proofs is
    'DPoP proofs seen, by the hash of key and jti, for longer than they are accepted: each counts once over all replicas.';
create index dpop_proofs_expires on dpop_proofs (expires_at);

grant select, insert, update, delete on refresh_tokens to numbercloak_app;
grant select, insert, delete on dpop_proofs to numbercloak_app;
