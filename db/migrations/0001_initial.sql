create table projects (
  id uuid primary key,
  name text not null,
  kind text not null check (kind in ('live', 'test')),
  unique (name, kind)
);

create table keys (
  id uuid primary key,
  project_id uuid not null references projects,
  name text not null,
  scopes text[] not null,
  hash text not null unique,
  hint text not null,
  revoked_at timestamptz
);
create index keys_project on keys (project_id, id);

create table users (
  project_id uuid not null,
  id text not null,
  email text,
  phone text,
  webhook_url text,
  name text,
  locale text,
  timezone text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (project_id, id)
) with (fillfactor = 80);

-- The three tables that grow are partitioned by the day in the notification's id. Their fill factor leaves
-- room for the status updates on the same page (HOT: no index is touched). The default partitions hold what
-- an odd clock dates outside of the days that exist; they are empty otherwise.

create table notifications (
  id uuid primary key,
  project_id uuid not null,
  user_id text not null,
  priority text not null check (priority in ('critical', 'high', 'normal', 'low')),
  status text not null
    check (status in ('scheduled', 'pending', 'processing', 'sent', 'failed', 'skipped', 'cancelled')),
  reason text,
  channels text,
  title text not null,
  body text not null,
  data jsonb,
  metadata jsonb,
  send_at timestamptz,
  expires_at timestamptz,
  check (data is null or jsonb_typeof(data) = 'object'),
  check (metadata is null or jsonb_typeof(metadata) = 'object')
) partition by range (id);
create index notifications_user on notifications (project_id, user_id, id);
-- Few are scheduled, and a day with one of them is kept until that one is old.
create index notifications_send_at on notifications (send_at) where send_at is not null;
create table notifications_default partition of notifications default with (fillfactor = 60);

create table deliveries (
  notification_id uuid not null,
  channel text not null check (channel in ('email', 'sms', 'push', 'inbox', 'webhook', 'chat')),
  project_id uuid not null,
  user_id text not null,
  status text not null check (status in
    ('queued', 'sending', 'retrying', 'sent', 'delivered', 'bounced', 'failed', 'skipped', 'cancelled')),
  reason text,
  tries integer not null,
  updated_at timestamptz not null,
  seen_at timestamptz,
  read_at timestamptz,
  archived_at timestamptz,
  primary key (notification_id, channel)
) partition by range (notification_id);
-- The inbox of a user, newest first. Its condition is on a column that never changes.
create index deliveries_inbox on deliveries (project_id, user_id, notification_id) where channel = 'inbox';
create table deliveries_default partition of deliveries default with (fillfactor = 60);

create table attempts (
  notification_id uuid not null,
  id uuid not null,
  channel text not null,
  at timestamptz not null,
  provider text not null,
  outcome text not null check (outcome in ('sent', 'retry', 'failed', 'ambiguous')),
  answer text not null,
  primary key (notification_id, id)
) partition by range (notification_id);
create table attempts_default partition of attempts default;

create table due (
  notification_id uuid not null,
  channel text not null,
  priority text not null,
  at timestamptz not null,
  leased boolean not null,
  primary key (notification_id, channel)
) with (fillfactor = 70);
create index due_lane on due (channel, priority, at);

create table dead_letters (
  project_id uuid not null,
  notification_id uuid not null,
  channel text not null,
  primary key (project_id, notification_id, channel)
);

create table idempotency_keys (
  project_id uuid not null,
  key text not null,
  request_hash text not null,
  response text not null,
  created_at timestamptz not null,
  primary key (project_id, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);

create table sandbox_messages (
  id uuid primary key,
  project_id uuid not null,
  user_id text not null,
  channel text not null,
  message jsonb not null
);

create table sweep_mark (
  one boolean primary key check (one),
  notification_id uuid not null
);
insert into sweep_mark values (true, '00000000-0000-0000-0000-000000000000');
