-- How logins ended, for charts by app, of phones that were not on their network, and of hand-offs.
create table rollup_logins (
    hour timestamptz not null,
    client_id text not null,
    ended bigint not null,
    signed_in bigint not null,
    off_network bigint not null,
    recovered bigint not null,
    handed_off bigint not null,
    handed_off_signed_in bigint not null,
    constraint rollup_logins_pkey primary key (hour, client_id)
);
comment on table rollup_logins is
    'Logins that ended within an hour (UTC), by client; empty text for none. off_network: the phone was not on its operator''s network at some time; recovered: and signed in all the same. handed_off: a phone took the login over from a desktop.';
grant select, insert on rollup_logins to numbercloak_app;
