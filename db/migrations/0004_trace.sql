-- outside of a transaction
-- Where a notification stands in a trace of its sender's (W3C Trace Context). Both columns are null without a default, so
-- that no row is written and the lock is held for a moment; a binary that does not know them names neither.
alter table notifications add column if not exists traceparent text, add column if not exists tracestate text;
