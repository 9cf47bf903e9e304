-- Partitions may span a week from here on. A version that knows of days alone is not to start on such a database: it would try to
-- make a day inside of a week, and fail with PostgreSQL's words.
comment on table notifications is 'Partitioned by id, that is by time: a day each, or a week.';
