create table audit_records (
    id uuid not null constraint audit_records_pkey primary key,
    at timestamptz not null,
    type text not null,
    login_id uuid,
    client_id text,
    operator text,
    outcome text,
    actor text,
    body bytea not null,
    mac bytea not null,
    mac_key_id text not null
) partition by range (id);
comment on table audit_records is
    'What happened, append-only. body: the exact bytes that are hashed and carry the MAC; the other columns are copies for search.';
create table audit_records_default partition of audit_records default;
create index audit_records_login on audit_records (login_id) where login_id is not null;
create index audit_records_client on audit_records (client_id, id) where client_id is not null;
create index audit_records_type on audit_records (type, id);

create table audit_pending (
    record_id uuid not null constraint audit_pending_pkey primary key
);
comment on table audit_pending is 'Records that no sealed tree holds yet. A row here is a fact, not a position.';

create table audit_personal (
    record_id uuid not null constraint audit_personal_pkey primary key,
    salt bytea not null,
    key_id text not null,
    number_hash bytea,
    sealed bytea not null
) partition by range (record_id);
comment on table audit_personal is
    'The personal part of a record: number, address, user agent, sealed. The record holds a salted commitment to it, so erasing this row breaks no proof.';
create table audit_personal_default partition of audit_personal default;
create index audit_personal_number on audit_personal (number_hash) where number_hash is not null;

grant select, insert on audit_records, audit_pending, audit_personal to numbercloak_app;

-- appends records with their personal parts; called inside the statement whose effect they record,
-- so that neither is ever without the other
create function append_audit(records jsonb)
returns integer
language plpgsql
as $$
declare
    appended integer;
begin
    with given as materialized (
        select *
        from jsonb_to_recordset(records) as r (
            id uuid, at timestamptz, type text, login_id uuid, client_id text, operator text,
            outcome text, actor text, body text, mac text, mac_key_id text,
            salt text, number_hash text, sealed text
        )
    ),
    record as (
        insert into audit_records
            (id, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id)
        select id, at, type, login_id, client_id, operator, outcome, actor,
            convert_to(body, 'UTF8'), decode(mac, 'base64'), mac_key_id
        from given
        returning id
    ),
    pending as (
        insert into audit_pending (record_id)
        select id
        from given
    ),
    personal as (
        insert into audit_personal (record_id, salt, key_id, number_hash, sealed)
        select id, decode(salt, 'base64'), mac_key_id, decode(number_hash, 'base64'),
            decode(sealed, 'base64')
        from given
        where sealed is not null
    )
    select count(*)
    into appended
    from record;
    return appended;
end
$$;
comment on function append_audit is
    'Appends audit records, marks them pending, and stores their sealed personal parts.';
grant execute on function append_audit to numbercloak_app;
