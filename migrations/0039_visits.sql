-- how many different numbers one browser tries

create unlogged table visits (
    cookie_hash bytea not null constraint visits_pkey primary key,
    numbers bytea[] not null,
    since timestamptz not null
);
comment on table visits is
    'The numbers that a browser has tried within the hour, as keyed hashes, under the hash of its visit cookie. Each row is the lock for its own count. Not logged: after a crash counting starts anew. Kept for two hours.';
create index visits_since on visits (since);

grant select, insert, update, delete on visits to numbercloak_app;

alter table logins add column visit_hash bytea;
comment on column logins.visit_hash is
    'The hash of the visit cookie of the browser that opened the login: the numbers tried in it count there, those of its phone too.';
