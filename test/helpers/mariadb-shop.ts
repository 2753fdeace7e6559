// SPDX-License-Identifier: AGPL-3.0-or-later

/** A database with one of everything that dumps get wrong. Run as root; `DELIMITER` lines and all. */
export const SHOP = `
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), note TEXT, photo LONGBLOB,
  upper_name VARCHAR(100) GENERATED ALWAYS AS (UPPER(name)) STORED) ENGINE=InnoDB;
INSERT INTO customers (name, note, photo) VALUES
  ('Zoë 🦊', NULL, 0x00FF27225C0A0D1A),
  ('); (''INSERT INTO \`x\` VALUES (1),(2)', 'line\\nDELIMITER ;;\\n-- Dump completed\\n/* not a comment', ''),
  ('quote " back\\\\slash\\\\', '(1),(2),(3);', NULL);
CREATE TABLE orders (id INT PRIMARY KEY, customer INT NOT NULL, total DECIMAL(10,2), placed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00',
  FOREIGN KEY (customer) REFERENCES customers (id)) ENGINE=InnoDB;
INSERT INTO orders (id, customer, total) VALUES (1, 1, 1.10), (2, 3, 0.00);
CREATE TABLE empty_one (a INT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE \`odd - \`\` ' " name; ü\` (\`values\` INT, \`(\` INT) ENGINE=InnoDB;
INSERT INTO \`odd - \`\` ' " name; ü\` VALUES (1, 2), (3, NULL);
CREATE TABLE \`values\` (id INT PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO \`values\` VALUES (7);
CREATE TABLE many (id INT PRIMARY KEY, t VARCHAR(100)) ENGINE=InnoDB;
INSERT INTO many SELECT seq, CONCAT('row '' (', seq) FROM seq_1_to_3000;
CREATE SEQUENCE numbers START WITH 5;
CREATE DEFINER=\`gone\`@\`nowhere\` VIEW v AS SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer;
DELIMITER ;;
CREATE DEFINER=\`gone\`@\`nowhere\` PROCEDURE add_value(n INT)
BEGIN
  INSERT INTO \`values\` VALUES (n), (n + 1);
  SELECT '
DELIMITER ;
INSERT INTO x VALUES (1);';
END;;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;;
CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW BEGIN INSERT INTO empty_one VALUES (NEW.id); DELETE FROM empty_one; END;;
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DO BEGIN DELETE FROM empty_one; END;;
DELIMITER ;
`;

/** Rows of its tables. */
export const SHOP_ROWS: Readonly<Record<string, number>> = {
  customers: 3,
  empty_one: 0,
  many: 3000,
  'odd - ` \' " name; ü': 2,
  orders: 2,
  values: 1,
};
