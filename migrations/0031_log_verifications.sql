-- What the servers find when they verify the whole log once a day. The sealed record of each
-- (AUDIT_LOG_VERIFIED) is what proves it; this is for finding out quickly.
create table log_verifications (
    day date not null constraint log_verifications_pkey primary key,
    server text not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    found bigint,
    first text
);
comment on table log_verifications is
    'One verification of the log a day (UTC), by whichever server was first. found: how many things were wrong; first: the first of them in a sentence.';
grant select, insert, update on log_verifications to numbercloak_app;
