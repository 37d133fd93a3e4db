-- moving a login to a phone, and networks that are no operator's

create table handoffs (
    id uuid not null constraint handoffs_pkey primary key,
    login_id uuid not null,
    number_hash bytea not null,
    stage text not null constraint handoffs_stage_check
        check (stage in ('waiting', 'claimed', 'matched', 'proven', 'stopped')),
    ticket_hash bytea not null,
    code_hash bytea not null,
    ticket_expires_at timestamptz not null,
    sealed bytea not null,
    digits_hash bytea,
    sealed_digits bytea,
    digit_tries integer not null,
    cooled_until timestamptz,
    reported_at timestamptz,
    changed_at timestamptz not null
);
comment on table handoffs is
    'A login that a desktop moved to a phone: the ticket in its QR code, then the digits that lead back. number_hash: the keyed hash of the number, for limits. sealed: ticket, short code and what the desktop calls itself. cooled_until: the number is handed off to nobody before. Kept for a day.';
create unique index handoffs_ticket on handoffs (ticket_hash);
create index handoffs_code on handoffs (code_hash) where stage = 'waiting';
create index handoffs_number on handoffs (number_hash, id);

grant select, insert, update, delete on handoffs to numbercloak_app;

alter table logins add column handoff_id uuid;
comment on column logins.handoff_id is
    'The hand-off under way. A release needs its stage to be proven.';
alter table logins add column phone_hash bytea;
comment on column logins.phone_hash is
    'The hash of the cookie of the phone that the login was moved to: its legs belong to that browser.';

create table network_ranges (
    kind text not null constraint network_ranges_pkey primary key
        constraint network_ranges_kind_check check (kind in ('relay', 'vpn')),
    networks inet[] not null,
    revision integer not null,
    loaded_at timestamptz not null
);
comment on table network_ranges is
    'Source addresses that hide the phone''s own, as staff loaded them, so that a page can say what to switch off: relay is iCloud Private Relay and its like, vpn is VPNs and hosting. They only choose words.';

grant select, insert, update, delete on network_ranges to numbercloak_app;

create trigger network_ranges_changed after insert or update or delete on network_ranges
    for each statement execute function notify_change('operators');
