-- Schema and first data of the catalogue and its users. Safe to run twice: no value that is there is changed.
-- Columns named *_key hold the name case-folded (Python's str.casefold) for order and filters without regard
-- to case; a character can fold into three, hence three times the length. email_key is in one Unicode form as well
-- (backend/auth/accounts.py).

CREATE DATABASE IF NOT EXISTS Libros CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
ALTER DATABASE Libros CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
USE Libros;
SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS users (
  id            INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username      VARCHAR(50) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
  email         VARCHAR(254) NOT NULL,
  email_key     VARCHAR(762) NOT NULL,
  password_hash CHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at    TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE KEY users_username (username),
  UNIQUE KEY users_email (email_key)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS authors (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name     VARCHAR(255) NOT NULL,
  name_key VARCHAR(765) NOT NULL,
  UNIQUE KEY authors_name (name),
  KEY authors_name_key (name_key)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS genres (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name     VARCHAR(50) NOT NULL,
  name_key VARCHAR(150) NOT NULL,
  UNIQUE KEY genres_name (name),
  KEY genres_name_key (name_key)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS formats (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name     VARCHAR(50) NOT NULL,
  name_key VARCHAR(150) NOT NULL,
  UNIQUE KEY formats_name (name),
  KEY formats_name_key (name_key)
) ENGINE=InnoDB;

-- An index on title_key ends with the primary key in InnoDB and so gives the order by title, then ISBN; with more
-- than 760 characters the two together would pass the longest key (3,072 bytes) and the order would be sorted.
CREATE TABLE IF NOT EXISTS books (
  isbn       CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  title      VARCHAR(255) NOT NULL,
  title_key  VARCHAR(760) NOT NULL,
  year       SMALLINT UNSIGNED NOT NULL,
  price      DECIMAL(10, 2) NOT NULL,
  stock      INT UNSIGNED NOT NULL,
  genre_id   INT UNSIGNED NOT NULL,
  format_id  INT UNSIGNED NOT NULL,
  version    INT UNSIGNED NOT NULL DEFAULT 1,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY books_title (title_key),
  KEY books_genre (genre_id, title_key),
  KEY books_format (format_id, title_key),
  CONSTRAINT books_genre FOREIGN KEY (genre_id) REFERENCES genres (id),
  CONSTRAINT books_format FOREIGN KEY (format_id) REFERENCES formats (id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS book_authors (
  isbn      CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  position  SMALLINT UNSIGNED NOT NULL,
  author_id INT UNSIGNED NOT NULL,
  PRIMARY KEY (isbn, position),
  KEY book_authors_author (author_id, isbn),
  CONSTRAINT book_authors_book FOREIGN KEY (isbn) REFERENCES books (isbn) ON DELETE CASCADE,
  CONSTRAINT book_authors_author FOREIGN KEY (author_id) REFERENCES authors (id)
) ENGINE=InnoDB;

-- The last version of each deleted book: one that is created again goes on from there.
CREATE TABLE IF NOT EXISTS deleted_books (
  isbn       CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  version    INT UNSIGNED NOT NULL,
  deleted_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE=InnoDB;

-- The first answer to each Idempotency-Key, written in the transaction of its effect.
CREATE TABLE IF NOT EXISTS idempotency_keys (
  user_id         INT UNSIGNED NOT NULL,
  idempotency_key VARCHAR(255) NOT NULL,
  request_digest  BINARY(32) NOT NULL,
  answer          JSON NULL,
  created_at      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, idempotency_key),
  KEY idempotency_keys_age (created_at)
) ENGINE=InnoDB;

-- One row. A new epoch says that books came in past the commands: the read model is then built anew.
CREATE TABLE IF NOT EXISTS catalogue (
  id    TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  epoch CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE=InnoDB;

-- Changes on their way to the read model: the full new state, or NULL for a deleted book.
CREATE TABLE IF NOT EXISTS outbox (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  isbn       CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version    INT UNSIGNED NOT NULL,
  book       JSON NULL,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB;

-- Tables of a database that was made with another collation take that of this file. No value changes; in one that pads
-- ('Fiction' = 'Fiction '), or is case-insensitive, two names were one. A new epoch lets the read model be built anew.
DELIMITER //
BEGIN NOT ATOMIC
  FOR other IN (
    SELECT table_name AS name,
      GROUP_CONCAT('MODIFY ', column_name, ' ', column_type, ' CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL'
                   ORDER BY ordinal_position SEPARATOR ', ') AS changes
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND collation_name <> 'utf8mb4_nopad_bin' AND (table_name, column_name) IN (
      ('users', 'email'), ('users', 'email_key'), ('authors', 'name'), ('authors', 'name_key'),
      ('genres', 'name'), ('genres', 'name_key'), ('formats', 'name'), ('formats', 'name_key'),
      ('books', 'title'), ('books', 'title_key'), ('idempotency_keys', 'idempotency_key'))
    GROUP BY table_name
  ) DO
    EXECUTE IMMEDIATE CONCAT('ALTER TABLE ', other.name, ' ', other.changes);
    UPDATE catalogue SET epoch = UUID();
  END FOR;
  FOR other IN (
    SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_collation <> 'utf8mb4_nopad_bin' AND table_name IN ('authors', 'book_authors',
      'books', 'catalogue', 'deleted_books', 'formats', 'genres', 'idempotency_keys', 'outbox', 'users')
  ) DO
    EXECUTE IMMEDIATE CONCAT('ALTER TABLE ', other.name, ' DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin');
  END FOR;
END //
DELIMITER ;

-- First data: 65 real books, then made-up ones up to 5,000. All of it or nothing, and only what is not there yet.
START TRANSACTION;

-- One line a book; authors in their order, separated by '; '. The year is that of the edition.
CREATE OR REPLACE TEMPORARY TABLE first_books (
  isbn    CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  title   VARCHAR(255) NOT NULL,
  authors VARCHAR(255) NOT NULL,
  genre   VARCHAR(50) NOT NULL,
  format  VARCHAR(50) NOT NULL,
  year    SMALLINT UNSIGNED NOT NULL,
  price   DECIMAL(10, 2) NOT NULL,
  stock   INT UNSIGNED NOT NULL
);

INSERT INTO first_books (isbn, title, authors, genre, format, year, price, stock) VALUES
  ('9780307474728', 'Cien años de soledad', 'Gabriel García Márquez', 'Fiction', 'Paperback', 2009, 18.95, 42),
  ('9781400034956', 'Crónica de una muerte anunciada', 'Gabriel García Márquez', 'Fiction', 'Paperback', 2003, 15.00, 17),
  ('9788420467283', 'Don Quijote de la Mancha', 'Miguel de Cervantes', 'Classics', 'Hardcover', 2004, 14.90, 25),
  ('9788408081180', 'El juego del ángel', 'Carlos Ruiz Zafón', 'Mystery', 'Hardcover', 2008, 24.50, 9),
  ('9788420633121', 'Ficciones', 'Jorge Luis Borges', 'Fiction', 'Paperback', 1997, 10.50, 31),
  ('9780060951306', 'La casa de los espíritus', 'Isabel Allende', 'Fiction', 'Paperback', 1995, 16.99, 22),
  ('9788408043645', 'La sombra del viento', 'Carlos Ruiz Zafón', 'Mystery', 'Hardcover', 2001, 23.00, 36),
  ('9782070360024', 'L''Étranger', 'Albert Camus', 'Classics', 'Paperback', 1972, 7.60, 28),
  ('9788490663196', 'Patria', 'Fernando Aramburu', 'Fiction', 'Paperback', 2016, 22.90, 14),
  ('9788437604183', 'Pedro Páramo', 'Juan Rulfo', 'Fiction', 'Paperback', 1983, 12.95, 19),
  ('9788437604572', 'Rayuela', 'Julio Cortázar', 'Fiction', 'Paperback', 1984, 17.50, 12),
  ('9780451524935', '1984', 'George Orwell', 'Classics', 'Paperback', 1961, 9.99, 85),
  ('9780062073488', 'And Then There Were None', 'Agatha Christie', 'Mystery', 'Paperback', 2011, 15.99, 40),
  ('9781400033416', 'Beloved', 'Toni Morrison', 'Fiction', 'Paperback', 2004, 16.00, 23),
  ('9780140449136', 'Crime and Punishment', 'Fyodor Dostoevsky', 'Classics', 'Paperback', 2002, 14.00, 33),
  ('9780441172719', 'Dune', 'Frank Herbert', 'Science Fiction', 'Paperback', 1990, 10.99, 64),
  ('9780553293357', 'Foundation', 'Isaac Asimov', 'Science Fiction', 'Paperback', 1991, 8.99, 38),
  ('9780486282114', 'Frankenstein', 'Mary Shelley', 'Classics', 'Paperback', 1994, 5.00, 71),
  ('9780552137034', 'Good Omens', 'Terry Pratchett; Neil Gaiman', 'Fantasy', 'Paperback', 1991, 9.99, 47),
  ('9780451419439', 'Les Misérables', 'Victor Hugo', 'Classics', 'Paperback', 2013, 8.95, 16),
  ('9780441569595', 'Neuromancer', 'William Gibson', 'Science Fiction', 'Paperback', 1984, 9.99, 27),
  ('9780141439518', 'Pride and Prejudice', 'Jane Austen', 'Classics', 'Paperback', 2002, 9.00, 58),
  ('9781613743416', 'Roadside Picnic', 'Arkady Strugatsky; Boris Strugatsky', 'Science Fiction', 'Paperback', 2012, 15.99, 21),
  ('9780743273565', 'The Great Gatsby', 'F. Scott Fitzgerald', 'Classics', 'Paperback', 2004, 17.00, 52),
  ('9780345391803', 'The Hitchhiker''s Guide to the Galaxy', 'Douglas Adams', 'Science Fiction', 'Paperback', 1995, 8.99, 42),
  ('9780547928227', 'The Hobbit', 'J.R.R. Tolkien', 'Fantasy', 'Paperback', 2012, 14.99, 66),
  ('9780441478125', 'The Left Hand of Darkness', 'Ursula K. Le Guin', 'Science Fiction', 'Paperback', 1987, 9.99, 18),
  ('9780156012195', 'The Little Prince', 'Antoine de Saint-Exupéry', 'Fantasy', 'Paperback', 2000, 13.99, 49),
  ('9780385474542', 'Things Fall Apart', 'Chinua Achebe', 'Fiction', 'Paperback', 1994, 16.00, 20),
  ('9780061120084', 'To Kill a Mockingbird', 'Harper Lee', 'Classics', 'Paperback', 2006, 16.99, 73),
  ('9780553380163', 'A Brief History of Time', 'Stephen Hawking', 'Science', 'Paperback', 1998, 18.00, 34),
  ('9780767908184', 'A Short History of Nearly Everything', 'Bill Bryson', 'Science', 'Paperback', 2004, 20.00, 26),
  ('9780345539434', 'Cosmos', 'Carl Sagan', 'Science', 'Paperback', 2013, 18.00, 30),
  ('9780060731335', 'Freakonomics', 'Steven D. Levitt; Stephen J. Dubner', 'Economics', 'Paperback', 2009, 17.99, 24),
  ('9780465026562', 'Gödel, Escher, Bach: An Eternal Golden Braid', 'Douglas R. Hofstadter', 'Philosophy', 'Paperback', 1999, 28.00, 11),
  ('9780393317558', 'Guns, Germs, and Steel', 'Jared Diamond', 'History', 'Paperback', 1999, 19.95, 22),
  ('9780062316097', 'Sapiens: A Brief History of Humankind', 'Yuval Noah Harari', 'History', 'Hardcover', 2015, 35.00, 45),
  ('9780618249060', 'Silent Spring', 'Rachel Carson', 'Science', 'Paperback', 2002, 17.99, 13),
  ('9780393316049', 'Surely You''re Joking, Mr. Feynman!', 'Richard P. Feynman', 'Biography', 'Paperback', 1997, 17.95, 15),
  ('9781400052189', 'The Immortal Life of Henrietta Lacks', 'Rebecca Skloot', 'Biography', 'Paperback', 2011, 18.00, 18),
  ('9780199291151', 'The Selfish Gene', 'Richard Dawkins', 'Science', 'Paperback', 2006, 16.95, 29),
  ('9780226458083', 'The Structure of Scientific Revolutions', 'Thomas S. Kuhn', 'Philosophy', 'Paperback', 1996, 15.00, 10),
  ('9780374275631', 'Thinking, Fast and Slow', 'Daniel Kahneman', 'Economics', 'Hardcover', 2011, 32.00, 37),
  ('9780307719225', 'Why Nations Fail', 'Daron Acemoglu; James A. Robinson', 'Economics', 'Paperback', 2013, 20.00, 16),
  ('9781492052203', 'Architecture Patterns with Python', 'Harry J.W. Percival; Bob Gregory', 'Software', 'Paperback', 2020, 49.99, 12),
  ('9780136042594', 'Artificial Intelligence: A Modern Approach', 'Stuart Russell; Peter Norvig', 'Software', 'Hardcover', 2009, 149.99, 5),
  ('9780132350884', 'Clean Code', 'Robert C. Martin', 'Software', 'Paperback', 2008, 44.99, 41),
  ('9780321486813', 'Compilers: Principles, Techniques, and Tools', 'Alfred V. Aho; Monica S. Lam; Ravi Sethi; Jeffrey D. Ullman', 'Software', 'Hardcover', 2006, 159.99, 4),
  ('9780201558029', 'Concrete Mathematics', 'Ronald L. Graham; Donald E. Knuth; Oren Patashnik', 'Mathematics', 'Hardcover', 1994, 74.99, 7),
  ('9780262035613', 'Deep Learning', 'Ian Goodfellow; Yoshua Bengio; Aaron Courville', 'Software', 'Hardcover', 2016, 90.00, 14),
  ('9780201633610', 'Design Patterns: Elements of Reusable Object-Oriented Software', 'Erich Gamma; Richard Helm; Ralph Johnson; John Vlissides', 'Software', 'Hardcover', 1994, 59.99, 32),
  ('9781449373320', 'Designing Data-Intensive Applications', 'Martin Kleppmann', 'Software', 'Paperback', 2017, 54.99, 55),
  ('9780321125217', 'Domain-Driven Design', 'Eric Evans', 'Software', 'Hardcover', 2003, 69.99, 19),
  ('9781491946008', 'Fluent Python', 'Luciano Ramalho', 'Software', 'Paperback', 2015, 49.99, 23),
  ('9780262033848', 'Introduction to Algorithms', 'Thomas H. Cormen; Charles E. Leiserson; Ronald L. Rivest; Clifford Stein', 'Software', 'Hardcover', 2009, 95.00, 26),
  ('9780134757599', 'Refactoring: Improving the Design of Existing Code', 'Martin Fowler', 'Software', 'Hardcover', 2018, 54.99, 21),
  ('9781491929124', 'Site Reliability Engineering', 'Betsy Beyer; Chris Jones; Jennifer Petoff; Niall Richard Murphy', 'Software', 'Paperback', 2016, 49.99, 17),
  ('9780262510875', 'Structure and Interpretation of Computer Programs', 'Harold Abelson; Gerald Jay Sussman; Julie Sussman', 'Software', 'Paperback', 1996, 55.00, 9),
  ('9780201896831', 'The Art of Computer Programming, Volume 1: Fundamental Algorithms', 'Donald E. Knuth', 'Mathematics', 'Hardcover', 1997, 79.99, 8),
  ('9780131103627', 'The C Programming Language', 'Brian W. Kernighan; Dennis M. Ritchie', 'Software', 'Paperback', 1988, 59.99, 44),
  ('9780134190440', 'The Go Programming Language', 'Alan A. A. Donovan; Brian W. Kernighan', 'Software', 'Paperback', 2015, 39.99, 28),
  ('9780201835953', 'The Mythical Man-Month', 'Frederick P. Brooks Jr.', 'Software', 'Paperback', 1995, 39.99, 24),
  ('9780988262591', 'The Phoenix Project', 'Gene Kim; Kevin Behr; George Spafford', 'Software', 'Hardcover', 2013, 29.95, 15),
  ('9780201616224', 'The Pragmatic Programmer', 'Andrew Hunt; David Thomas', 'Software', 'Paperback', 1999, 49.99, 39),
  ('9781593278281', 'The Rust Programming Language', 'Steve Klabnik; Carol Nichols', 'Software', 'Paperback', 2018, 39.95, 20);

-- Made-up books from their number n. The moduli share few factors, so that words, genres and formats mix; some
-- titles come twice, as editions do.
-- 137 is the weighted sum of the digits 97899999, from which the check digit goes on (ISO 2108).
-- The three author numbers of a book always differ: two of the differences are odd, the third is 16n + 110.
INSERT INTO first_books (isbn, title, authors, genre, format, year, price, stock)
WITH
numbers AS (
  SELECT
    seq AS n,
    ELT(1 + seq MOD 26, 'Amber', 'Borrowed', 'Copper', 'Drifting', 'Eleventh', 'Forgotten', 'Gilded', 'Hollow', 'Idle',
        'Jade', 'Kindled', 'Luminous', 'Midnight', 'Northern', 'Obsidian', 'Paper', 'Quiet', 'Restless', 'Silver',
        'Tangled', 'Unwritten', 'Velvet', 'Wandering', 'Xanthic', 'Yellow', 'Zigzag') AS quality,
    ELT(1 + seq MOD 27, 'Almanac', 'Bridge', 'Cartographer', 'Daughter', 'Engine', 'Fables', 'Garden', 'Harbour', 'Island',
        'Journey', 'Keeper', 'Lantern', 'Machine', 'Notebook', 'Orchard', 'Puzzle', 'Quarry', 'River', 'Signal', 'Theorem',
        'Umbrella', 'Voyage', 'Winter', 'Xylophone', 'Yearbook', 'Zeppelin', 'Lighthouse') AS thing,
    ELT(1 + seq MOD 23, 'Arvenol', 'Brumelia', 'Cindermoor', 'Dravenia', 'Éstara', 'Fennowyck', 'Glimmerau', 'Hollowmere',
        'Ixtabria', 'Jorvanta', 'Kelmidor', 'Lumbrosa', 'Mirrowyn', 'Ñandoria', 'Orlaith Bay', 'Pellucia', 'Quillmere',
        'Rivendal Sur', 'Sorrelby', 'Tarmondía', 'Umbrasol', 'Vantresk', 'Zephyrine') AS place
  FROM seq_1_to_4935
),
people AS (
  SELECT
    seq AS id,
    CONCAT(
      ELT(1 + seq MOD 20, 'Adela', 'Bruno', 'Clara', 'Darío', 'Elvira', 'Fabián', 'Greta', 'Hugo', 'Inés', 'Jonas',
          'Katya', 'Leandro', 'Mireya', 'Nils', 'Olga', 'Pascual', 'Rosaura', 'Tobías', 'Ursula', 'Wendel'),
      ' ',
      ELT(1 + seq DIV 20, 'Ashgrovian', 'Brindlewick', 'Cobaltini', 'Dunmarrow', 'Echevarino', 'Farthingale-Moss',
          'Grimaldón', 'Hazelquist', 'Inkpenry', 'Jasperling', 'Kestrelund', 'Larkensen', 'Moonraker', 'Nettlefold-Ruiz',
          'Oakhurstón', 'Peñalumbre', 'Quillon', 'Rookwoodsen', 'Saltmarshe', 'Thistlemar')
    ) AS name
  FROM seq_0_to_399
)
SELECT
  CONCAT('97899999', LPAD(n, 4, '0'),
         (10 - (137 + n DIV 1000 + 3 * (n DIV 100 MOD 10) + n DIV 10 MOD 10 + 3 * (n MOD 10)) MOD 10) MOD 10),
  CASE n MOD 5
    WHEN 0 THEN CONCAT(quality, ' ', thing)
    WHEN 1 THEN CONCAT(thing, ' of ', place)
    WHEN 2 THEN CONCAT(place, ': The ', quality, ' ', thing)
    ELSE CONCAT(quality, ' ', thing, ' of ', place)
  END,
  CASE
    WHEN n MOD 7 < 4 THEN author_1.name
    WHEN n MOD 7 < 6 THEN CONCAT_WS('; ', author_1.name, author_2.name)
    ELSE CONCAT_WS('; ', author_1.name, author_2.name, author_3.name)
  END,
  ELT(1 + n MOD 12, 'Biography', 'Classics', 'Economics', 'Fantasy', 'Fiction', 'History', 'Mathematics', 'Mystery',
      'Philosophy', 'Science', 'Science Fiction', 'Software'),
  ELT(1 + n DIV 7 MOD 4, 'Hardcover', 'Paperback', 'eBook', 'Audiobook'),
  1950 + n * 31 MOD 75,
  (499 + n * 37 MOD 5500) / 100,
  n * 89 MOD 201
FROM numbers
JOIN people AS author_1 ON author_1.id = n * 7 MOD 400
JOIN people AS author_2 ON author_2.id = (n * 13 + 101) MOD 400
JOIN people AS author_3 ON author_3.id = (n * 29 + 211) MOD 400;

-- A book that is there keeps all it has, and one that was deleted stays away.
DELETE FROM first_books WHERE isbn IN (SELECT isbn FROM books) OR isbn IN (SELECT isbn FROM deleted_books);

CREATE OR REPLACE TEMPORARY TABLE first_book_authors (
  isbn     CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  position SMALLINT UNSIGNED NOT NULL,
  name     VARCHAR(255) NOT NULL,
  PRIMARY KEY (isbn, position)
);

INSERT INTO first_book_authors (isbn, position, name)
SELECT isbn, seq, SUBSTRING_INDEX(SUBSTRING_INDEX(authors, '; ', seq), '; ', -1)
FROM first_books
JOIN seq_1_to_4 ON seq <= 1 + LENGTH(authors) - LENGTH(REPLACE(authors, ';', ''));

INSERT INTO authors (name, name_key)
SELECT DISTINCT name, LOWER(name) FROM first_book_authors WHERE name NOT IN (SELECT name FROM authors);

INSERT INTO genres (name, name_key)
SELECT DISTINCT genre, LOWER(genre) FROM first_books WHERE genre NOT IN (SELECT name FROM genres);

INSERT INTO formats (name, name_key)
SELECT DISTINCT format, LOWER(format) FROM first_books WHERE format NOT IN (SELECT name FROM formats);

INSERT INTO books (isbn, title, title_key, year, price, stock, genre_id, format_id)
SELECT isbn, title, LOWER(title), year, price, stock, genres.id, formats.id
FROM first_books
JOIN genres ON genres.name = genre
JOIN formats ON formats.name = format;

INSERT INTO book_authors (isbn, position, author_id)
SELECT isbn, position, authors.id FROM first_book_authors JOIN authors USING (name);

INSERT INTO catalogue (id, epoch) SELECT 1, UUID() FROM DUAL
WHERE EXISTS (SELECT 1 FROM first_books) OR NOT EXISTS (SELECT 1 FROM catalogue)
ON DUPLICATE KEY UPDATE epoch = UUID();

COMMIT;

DROP TEMPORARY TABLE first_book_authors, first_books;
