-- Schema and first data of the catalogue and its users. Safe to run twice: nothing that is there is changed.
-- Columns named *_key hold the name case-folded (Python's str.casefold) for order and filters without regard
-- to case; a character can fold into three, hence three times the length.

CREATE DATABASE IF NOT EXISTS Libros CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
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

-- An index on title_key ends with the primary key in InnoDB: it gives the order by title, then ISBN.
CREATE TABLE IF NOT EXISTS books (
  isbn       CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  title      VARCHAR(255) NOT NULL,
  title_key  VARCHAR(765) NOT NULL,
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

-- Changes on their way to a read model: the full new state, or NULL for a deleted book.
CREATE TABLE IF NOT EXISTS outbox (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  isbn       CHAR(13) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version    INT UNSIGNED NOT NULL,
  book       JSON NULL,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB;
