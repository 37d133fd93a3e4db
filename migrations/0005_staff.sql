create table staff (
    id uuid not null constraint staff_pkey primary key,
    email text not null,
    role text not null constraint staff_role_check check (role in ('owner', 'admin', 'auditor', 'support')),
    password_hash text,
    disabled_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
comment on table staff is 'Admins and auditors. No password: the account waits for its setup link.';
create unique index staff_email_key on staff (lower(email));

create table staff_setup_links (
    hash bytea not null constraint staff_setup_links_pkey primary key,
    staff uuid constraint staff_setup_links_staff_fkey references staff (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
comment on table staff_setup_links is
    'Single-use links that let one person set a password. staff null: makes the first owner.';

grant select, insert, update, delete on staff, staff_setup_links to numbercloak_app;
