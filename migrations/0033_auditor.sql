-- What auditors work with in the console: views they save, exports they fetch, and the right to see what
-- is personal.

create table record_export_parts (
    export uuid not null,
    part integer not null,
    bytes bytea not null,
    constraint record_export_parts_pkey primary key (export, part)
);
comment on table record_export_parts is
    'The file of an export that somebody fetches from the console or the API, in pieces, so that any server can hand it out. Deleted a day after the export ended.';
grant select, insert, delete on record_export_parts to numbercloak_app;

create table audit_views (
    id uuid not null constraint audit_views_pkey primary key,
    staff uuid not null constraint audit_views_staff_fkey references staff (id) on delete cascade,
    name text not null,
    filters text not null,
    created_at timestamptz not null,
    constraint audit_views_name_key unique (staff, name)
);
comment on table audit_views is
    'Searches of records that a member of staff saved. filters: as in the page''s address, never a number or a network.';
grant select, insert, delete on audit_views to numbercloak_app;

alter table staff add column may_unmask boolean not null default false;
comment on column staff.may_unmask is
    'Whether this account may see numbers and addresses of records in full. Owners may without.';
