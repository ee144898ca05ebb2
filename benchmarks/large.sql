-- Makes a catalogue @times as large, up to 200 times: every book that often, in further volumes written by namesakes of
-- its authors. So there are that many times as many authors, each with as many books as before, and the answers about
-- the first authors stay what they were.
INSERT INTO authors (name, name_key)
SELECT CONCAT(name, ' ', seq), CONCAT(name_key, ' ', seq)
FROM authors
JOIN seq_2_to_200 ON seq <= @times;

-- ISBN 978998nnnnnn: 98 is the weighted sum of the digits 978998, from which the check digit goes on (ISO 2108).
INSERT INTO books (isbn, title, title_key, year, price, stock, genre_id, format_id)
WITH
firsts AS (
  SELECT isbn, title, title_key, year, price, stock, genre_id, format_id, ROW_NUMBER() OVER (ORDER BY isbn) - 1 AS place
  FROM books
),
volumes AS (
  SELECT firsts.*, seq, place * (@times - 1) + seq - 2 AS n
  FROM firsts
  JOIN seq_2_to_200 ON seq <= @times
)
SELECT
  CONCAT('978998', LPAD(n, 6, '0'),
         (10 - (98 + n DIV 100000 + 3 * (n DIV 10000 MOD 10) + n DIV 1000 MOD 10 + 3 * (n DIV 100 MOD 10)
                + n DIV 10 MOD 10 + 3 * (n MOD 10)) MOD 10) MOD 10),
  CONCAT(title, ' ', seq), CONCAT(title_key, ' ', seq), year, price, stock, genre_id, format_id
FROM volumes;

-- The six digits in the middle of a volume's ISBN lead back to its first book and its number.
INSERT INTO book_authors (isbn, position, author_id)
WITH
firsts AS (
  SELECT isbn, ROW_NUMBER() OVER (ORDER BY isbn) - 1 AS place FROM books WHERE isbn NOT LIKE '978998%'
),
volumes AS (
  SELECT isbn, CAST(SUBSTR(isbn, 7, 6) AS UNSIGNED) DIV (@times - 1) AS place,
         CAST(SUBSTR(isbn, 7, 6) AS UNSIGNED) MOD (@times - 1) + 2 AS seq
  FROM books WHERE isbn LIKE '978998%'
)
SELECT volumes.isbn, written.position, namesakes.id
FROM volumes
JOIN firsts ON firsts.place = volumes.place
JOIN book_authors AS written ON written.isbn = firsts.isbn
JOIN authors AS first_authors ON first_authors.id = written.author_id
JOIN authors AS namesakes ON namesakes.name = CONCAT(first_authors.name, ' ', volumes.seq);

ANALYZE TABLE books, authors, book_authors;

-- So that the index is in memory when the build of the read model counts the books, for which it has a few seconds.
SELECT COUNT(*) FROM books;
