// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { foreignKind } from './foreign-statement.ts';

const kindOf = (text: string) => foreignKind(text.split(' '));

it.each([
  ['GRANT ALL ON', 'GRANT'],
  ['USE `', 'USE'],
  ['DROP DATABASE MYSQL', 'DROP DATABASE'],
  ['CREATE OR REPLACE USER `', 'CREATE USER'],
  ['ALTER USER `', 'ALTER USER'],
  ['SET PASSWORD FOR `', 'SET PASSWORD'],
  ['SET @A 1 GLOBAL GENERAL_LOG_FILE', 'SET GLOBAL'],
  ['SET @@GLOBAL.GENERAL_LOG_FILE', 'SET @@GLOBAL.GENERAL_LOG_FILE'],
  ['SET @@ ` .X', 'SET @@'],
  ['SET STATEMENT MAX_STATEMENT_TIME 1 FOR DROP USER X', 'SET STATEMENT'],
  [`SET${' @A'.repeat(15)}`, 'SET of many things'],
  ['BEGIN NOT ATOMIC', 'BEGIN NOT'],
  ['START SLAVE', 'START SLAVE'],
  ['CREATE FUNCTION ` RETURNS STRING SONAME', 'CREATE ... SONAME'],
  ['SELECT SETVAL INTO OUTFILE', 'SELECT'],
  ['CREATE TABLE MYSQL.EVIL', 'CREATE in another database'],
  ['CREATE TABLE IF NOT EXISTS ` . `', 'CREATE in another database'],
  ['CREATE DEFINER ` @ ` TRIGGER ` .X BEFORE INSERT ON `', 'CREATE in another database'],
  ['INSERT INTO ` .USER VALUES', 'INSERT in another database'],
  ['INSERT IGNORE MYSQL.USER VALUES', 'INSERT in another database'],
  ['REPLACE INTO MYSQL . X VALUES', 'REPLACE in another database'],
  ['REPLACE ` . ` VALUES', 'REPLACE in another database'],
  ['DROP TABLE IF EXISTS ` ` . `', 'DROP in another database'],
  ['ALTER TABLE ` . ` ADD', 'ALTER in another database'],
  ['LOCK TABLES ` WRITE MYSQL.USER WRITE', 'LOCK in another database'],
])('%s reaches beyond a database', (tokens, kind) => {
  expect(kindOf(tokens)).toBe(kind);
});

it.each([
  'SET @OLD_SQL_MODE @@SQL_MODE SQL_MODE',
  'SET @OLD_X @@SESSION.SYSTEM_VERSIONING_INSERT_HISTORY @@SESSION.SYSTEM_VERSIONING_INSERT_HISTORY 1',
  'DROP TABLE IF EXISTS `',
  'CREATE TABLE ` ENGINE INNODB DEFAULT CHARSET UTF8MB4 AVG_ROW_LENGTH 1.5',
  'INSERT INTO ` VALUES',
  'REPLACE INTO ` VALUES',
  'ALTER TABLE ` DISABLE KEYS',
  'ALTER DATABASE ` CHARACTER SET LATIN1',
  'LOCK TABLES ` WRITE',
  'UNLOCK TABLES',
  'START TRANSACTION',
  'BEGIN',
  'COMMIT',
  'DO SETVAL',
  'SELECT SETVAL',
  'CREATE ALGORITHM UNDEFINED DEFINER ` @ ` SQL SECURITY DEFINER VIEW ` AS SELECT ` . `',
  'CREATE VIEW ` AS SELECT 1 AS `',
  'CREATE DEFINER ` @ ` PROCEDURE ` UPDATE SHOP.ORDERS SET',
  'CREATE DEFINER ` @ ` TRIGGER ` BEFORE INSERT ON ` FOR EACH ROW INSERT INTO LOG.X',
  'CREATE DEFINER ` @ ` EVENT ` ON SCHEDULE EVERY 1 DAY STARTS DO DROP TABLE',
  'CREATE SEQUENCE ` START WITH 5',
])('%s is what a dump holds', (tokens) => {
  expect(kindOf(tokens)).toBeUndefined();
});
