-- What a database does: inserts, an index, joins, groups, updates.
CREATE TABLE part(id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, price INTEGER);
CREATE TABLE sale(id INTEGER PRIMARY KEY, part INTEGER, amount INTEGER, day TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO part SELECT i, printf('part-%05x', i * 7919 % 65536), i * 31 % 17, i * 37 % 1000 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
INSERT INTO sale SELECT i, 1 + i * 7901 % 4000, i % 9, date('2020-01-01', (i % 700) || ' days') FROM n;
COMMIT;
CREATE INDEX by_part ON sale(part);
CREATE INDEX by_name ON part(name);
SELECT kind, count(*), sum(price * amount) FROM part JOIN sale ON sale.part = part.id GROUP BY kind ORDER BY kind;
SELECT substr(day, 1, 7) AS month, sum(amount) FROM sale GROUP BY month ORDER BY 2 DESC, 1 LIMIT 5;
SELECT name, price FROM part WHERE name LIKE 'part-00%' ORDER BY price DESC, name LIMIT 5;
UPDATE part SET price = price + 1 WHERE id IN (SELECT part FROM sale WHERE amount > 6);
DELETE FROM sale WHERE day < '2020-03-01';
SELECT sum(price), (SELECT count(*) FROM sale) FROM part;
