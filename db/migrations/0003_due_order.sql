-- outside of a transaction
-- What is due is asked for by lane and channel. An index that began with the channel could serve the statements that look
-- up a batch of deliveries as well, by reading all of the channel's rows: a plan made while the table was
-- small kept doing so, at a second a batch with 100,000 rows due. This one cannot.
create index concurrently if not exists due_order on due (priority, channel, at);
drop index concurrently if exists due_lane;
