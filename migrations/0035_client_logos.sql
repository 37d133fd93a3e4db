create table client_logos (
    client uuid not null constraint client_logos_pkey primary key
        constraint client_logos_client_fkey references clients (id) on delete cascade,
    hash text not null,
    png bytea not null,
    set_at timestamptz not null
);
comment on table client_logos is
    'Pictures that stand beside apps'' names, drawn anew by us. hash: of png, in its address; two clients may have the same.';
create index client_logos_hash on client_logos (hash);
grant select, insert, update, delete on client_logos to numbercloak_app;
create trigger client_logos_changed after insert or update or delete on client_logos
    for each statement execute function notify_change('clients');

-- Staff search by redirect URI too. array_to_string is only stable, because the elements of some arrays
-- read differently by the session's settings; those of text[] do not. Cut, because an index entry may not be
-- longer than a third of a page, whatever characters they are of.
create function searchable_uris(uris text[])
returns text
language sql
immutable strict parallel safe
as $$ select left(array_to_string(uris, ' '), 500) $$;
comment on function searchable_uris is 'What staff search redirect URIs by.';
alter table clients drop column search;
alter table clients add column search text not null
    generated always as (lower(client_id || ' ' || name || ' ' || searchable_uris(redirect_uris))) stored;
comment on column clients.search is
    'What staff search by, in small letters: client_id, name, the first 500 characters of the redirect URIs.';
create index clients_search on clients (client_id, search);
