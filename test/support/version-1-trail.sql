-- A trail as release 0.1.0 left it: its schema, its grants, what knex remembers, and rows with the hashes it made.
-- Nine sealed rows of which three are pruned, and one row that is not sealed yet. Frozen: never write it anew.
create table audit_events (
  id uuid primary key,
  occurred_at timestamptz not null,
  process text not null,
  action text not null,
  outcome text not null check (outcome in ('success', 'denied', 'failure')),
  reason text, subject text, issuer text, client_id text, actor jsonb, session_id text, token_id_hash text,
  resource_type text, resource_id text, request_id text, trace_id text, txn text, source_address text, detail jsonb,
  content_hash bytea not null check (octet_length(content_hash) = 32),
  transaction_id xid8 not null default pg_current_xact_id()
);
create index audit_events_transaction on audit_events (transaction_id);
create index audit_events_subject on audit_events (subject);
create index audit_events_resource on audit_events (resource_type, resource_id);
create index audit_events_time on audit_events (occurred_at);
create table audit_seals (
  sequence bigint primary key check (sequence > 0),
  event_id uuid not null unique,
  content_hash bytea not null check (octet_length(content_hash) = 32),
  chain_hash bytea not null check (octet_length(chain_hash) = 32),
  sealed_at timestamptz not null default now()
);
create table audit_prunings (
  id bigint generated always as identity primary key,
  through_sequence bigint not null,
  removed bigint not null,
  pruned_at timestamptz not null default now(),
  pruned_by text not null default current_user
);
revoke all on audit_events, audit_seals, audit_prunings from public;
grant select on audit_events, audit_seals, audit_prunings to test_audit_app, test_audit_pruner;
grant insert (id, occurred_at, process, action, outcome, reason, subject, issuer, client_id, actor, session_id, token_id_hash,
  resource_type, resource_id, request_id, trace_id, txn, source_address, detail, content_hash) on audit_events to test_audit_app;
grant insert (sequence, event_id, content_hash, chain_hash) on audit_seals to test_audit_app;
grant delete on audit_events to test_audit_pruner;
grant insert (through_sequence, removed) on audit_prunings to test_audit_pruner;
create table audit_migrations (id serial primary key, name varchar(255), batch integer, migration_time timestamptz);
create table audit_migrations_lock (index serial primary key, is_locked integer);
insert into audit_migrations (name, batch, migration_time) values ('0001-audit-tables', 1, now()), ('0002-audit-grants', 1, now());
insert into audit_migrations_lock (is_locked) values (0);
insert into audit_events (id, occurred_at, process, action, outcome, reason, subject, issuer, client_id, actor, session_id, token_id_hash, resource_type, resource_id, request_id, trace_id, txn, source_address, detail, content_hash) values
('9f10026f-9e07-4496-8285-dff48e4b4c4f', '2026-01-01 03:00:00.123+00', 'order-service', 'order.cancel', 'success', NULL, 'user-3', 'https://localhost:8081', 'gateway', '{"actor": null, "subject": "gateway"}', 'session-1', 'f33486d57167d415eb3589b7858db5b6c6d9e0d15635622827abd5d0c9f3584f', 'order', 'o-3', 'req-4', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'txn-1', '127.0.0.1', '{"text": "é \u202e it''s", "tiny": 5e-324, "after": "cancelled", "float": 0.1, "large": 1000000000000000000000, "before": "open"}', '\xd69a223a89b1c94f108eb85570f22f4e6a7b6fb780a5826ffbc011dcefcdd4ab'),
('abf607b4-3081-4c8d-a049-31bd6d3683a1', '2026-01-01 04:00:00.123+00', 'order-service', 'order.cancel', 'success', NULL, 'user-4', 'https://localhost:8081', 'gateway', '{"actor": null, "subject": "gateway"}', 'session-1', 'f33486d57167d415eb3589b7858db5b6c6d9e0d15635622827abd5d0c9f3584f', 'order', 'o-4', 'req-5', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'txn-1', '127.0.0.1', '{"text": "é \u202e it''s", "tiny": 5e-324, "after": "cancelled", "float": 0.1, "large": 1000000000000000000000, "before": "open"}', '\xe7881375fb2932b0ddad5ed8571a036c03d532cca648d9c83687cc1ca810002d'),
('272a9080-2453-4b4a-a7ea-3d027c73b2aa', '2026-01-01 05:00:00.123+00', 'order-service', 'order.cancel', 'success', NULL, 'user-5', 'https://localhost:8081', 'gateway', '{"actor": null, "subject": "gateway"}', 'session-1', 'f33486d57167d415eb3589b7858db5b6c6d9e0d15635622827abd5d0c9f3584f', 'order', 'o-5', 'req-6', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'txn-1', '127.0.0.1', '{"text": "é \u202e it''s", "tiny": 5e-324, "after": "cancelled", "float": 0.1, "large": 1000000000000000000000, "before": "open"}', '\x6823540c24f41bcfa466986c23bc369f2735b28fbd98eda2aa737be9aada2f52'),
('26931a4a-7820-4221-917a-8f4c8cdbf000', '2026-01-01 06:00:00.123+00', 'order-service', 'order.cancel', 'success', NULL, 'user-6', 'https://localhost:8081', 'gateway', '{"actor": null, "subject": "gateway"}', 'session-1', 'f33486d57167d415eb3589b7858db5b6c6d9e0d15635622827abd5d0c9f3584f', 'order', 'o-6', 'req-7', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'txn-1', '127.0.0.1', '{"text": "é \u202e it''s", "tiny": 5e-324, "after": "cancelled", "float": 0.1, "large": 1000000000000000000000, "before": "open"}', '\x7bb6900dc4cf2bfe8ff409afe793c4bf741077b5526f90f2d783256e95f81ed1'),
('36ebae7f-f615-44f4-8724-92c6818c1bcb', '2026-01-01 07:00:00.123+00', 'order-service', 'order.cancel', 'success', NULL, 'user-7', 'https://localhost:8081', 'gateway', '{"actor": null, "subject": "gateway"}', 'session-1', 'f33486d57167d415eb3589b7858db5b6c6d9e0d15635622827abd5d0c9f3584f', 'order', 'o-7', 'req-8', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'txn-1', '127.0.0.1', '{"text": "é \u202e it''s", "tiny": 5e-324, "after": "cancelled", "float": 0.1, "large": 1000000000000000000000, "before": "open"}', '\xe910bb72dd7292bc7752c489047ae9ac1da8168048a8712e926be82fd56226d4'),
('7cdca13d-6191-425f-b46f-e1509619979d', '2026-01-01 08:00:00.123+00', 'order-service', 'key.rotate', 'failure', 'no-key', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\xa50bf28b41421c6810a747b419b45ec4a533c38703e39b2cfaf6e4c5298fc54e'),
('bf8d90d6-a8b8-4e8b-af49-d422b85cd298', '2026-01-01 10:00:00.123+00', 'order-service', 'unsealed.row', 'denied', NULL, 'late', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\x03cff75ec745082b02414557b5fcb04cb31265d566c4c24d117bfc05c6612cab');
insert into audit_seals (sequence, event_id, content_hash, chain_hash) values
('1', '96a982f6-fde7-489f-9830-f35676c41752', '\x557c7bfc1d26a30af87f64f51ca899b519dede69a9b33c59317db780676751f7', '\x28bbfd215b705dd272368b20ec5efeb1939e37a564ebb80b4005a66a5c2723bc'),
('2', 'd8562c4d-1ced-4222-a812-d4d88ca882ba', '\x786842ea8f9f917bad23a5a03023db6f016275f3919c418089bf4a21f98ea072', '\x482f496390567e92afe2d13c609ba671d7c52d0db96196beaa4767f4552daeb9'),
('3', '99e18e16-dd9f-4b8d-a527-46df0b0f78bf', '\xc322f432cd6442724033bb0ec553ebc4a708d4ab8751bd799e3cc357c1e9ec4c', '\x9072fbb1fb34f548a46c29143e3b5c047a941c6cb104a6077b5f97621542f355'),
('4', '9f10026f-9e07-4496-8285-dff48e4b4c4f', '\xd69a223a89b1c94f108eb85570f22f4e6a7b6fb780a5826ffbc011dcefcdd4ab', '\x7936626a722a321b55a0e983bbef639e0d297dbd84f65959ce658286de3caa5f'),
('5', 'abf607b4-3081-4c8d-a049-31bd6d3683a1', '\xe7881375fb2932b0ddad5ed8571a036c03d532cca648d9c83687cc1ca810002d', '\xf1a3693768a9c6a395a0a1b89227d1ebea2ee835aa9294f8e2bd0a69de383373'),
('6', '272a9080-2453-4b4a-a7ea-3d027c73b2aa', '\x6823540c24f41bcfa466986c23bc369f2735b28fbd98eda2aa737be9aada2f52', '\x836e78bff9090a71d748104dd41c26d409711166740d8f05fd6c30f149de6c48'),
('7', '26931a4a-7820-4221-917a-8f4c8cdbf000', '\x7bb6900dc4cf2bfe8ff409afe793c4bf741077b5526f90f2d783256e95f81ed1', '\xaaeed5e43fb41561f25acf732a415ae716dce72d4dc51f3c8e950d50f3d63953'),
('8', '36ebae7f-f615-44f4-8724-92c6818c1bcb', '\xe910bb72dd7292bc7752c489047ae9ac1da8168048a8712e926be82fd56226d4', '\x6e3054278fc1f01f99a8cf796acd4b13d1fd2dde762527d077b03353d85dc011'),
('9', '7cdca13d-6191-425f-b46f-e1509619979d', '\xa50bf28b41421c6810a747b419b45ec4a533c38703e39b2cfaf6e4c5298fc54e', '\x2dfecbb04e85920cc1d1d84696287c9d9d6facefc8e3403ef74d63bde6bcc830');
insert into audit_prunings (through_sequence, removed, pruned_by) values
('3', '3', 'test_audit_pruner');
