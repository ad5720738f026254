BEGIN TRANSACTION;
CREATE TABLE deliveries (
	id TEXT NOT NULL, 
	client TEXT NOT NULL, 
	crm TEXT NOT NULL, 
	crm_label TEXT NOT NULL, 
	rooftop TEXT, 
	period_start TEXT NOT NULL, 
	period_end TEXT NOT NULL, 
	again INTEGER DEFAULT '1' NOT NULL, 
	split BOOLEAN DEFAULT 0 NOT NULL, 
	asked_by TEXT DEFAULT 'export' NOT NULL, 
	state TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	upload BOOLEAN NOT NULL, 
	outcome TEXT, 
	reasons JSON NOT NULL, 
	next TEXT, 
	evidence TEXT, 
	how TEXT, 
	why TEXT, 
	approved TEXT, 
	file_id INTEGER, 
	created_at DATETIME NOT NULL, 
	changed_at DATETIME NOT NULL, 
	closed_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "deliveries" VALUES('abc/activix/2026-10','abc','activix','Activix CRM',NULL,'2026-10','2026-10',1,0,'export','delivered',1,1,'delivered','[]',NULL,NULL,'export',NULL,NULL,1,'2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000');
INSERT INTO "deliveries" VALUES('abc/activix/2026-10/ABC Autos North','abc','activix','Activix CRM','ABC Autos North','2026-10','2026-10',1,0,'export','requested',1,1,NULL,'[]',NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000',NULL);
CREATE TABLE files (
	id INTEGER NOT NULL, 
	delivery_id TEXT NOT NULL, 
	request_id INTEGER, 
	source TEXT NOT NULL, 
	received_path TEXT NOT NULL, 
	received_sha256 TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	mail JSON NOT NULL, 
	checked BOOLEAN NOT NULL, 
	refused BOOLEAN NOT NULL, 
	findings JSON NOT NULL, 
	rows INTEGER, 
	columns INTEGER, 
	fields JSON NOT NULL, 
	first TEXT, 
	last TEXT, 
	encoding TEXT, 
	dialect TEXT, 
	has_date_of_birth BOOLEAN NOT NULL, 
	date_of_birth_removed BOOLEAN NOT NULL, 
	empty BOOLEAN NOT NULL, 
	path TEXT, 
	name TEXT, 
	sha256 TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(delivery_id) REFERENCES deliveries (id)
);
INSERT INTO "files" VALUES(1,'abc/activix/2026-10',1,'mail','/home/robot/downloads/mail/parts/1.csv','11','2026-11-01 13:05:00.000000','{}',1,0,'[]',3,NULL,'[]',NULL,NULL,NULL,NULL,0,0,0,'/home/robot/downloads/abc/a.csv','a.csv','11');
CREATE TABLE ledger_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "ledger_schema" VALUES(2);
CREATE TABLE refused_passwords (
	account TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	refused_at DATETIME NOT NULL, 
	said TEXT NOT NULL, 
	PRIMARY KEY (account)
);
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	delivery_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	how TEXT DEFAULT 'export' NOT NULL, 
	why TEXT, 
	intended_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	requested_at DATETIME, 
	deadline_at DATETIME, 
	account TEXT, 
	first TEXT, 
	last TEXT, 
	rows_shown INTEGER, 
	says_empty BOOLEAN NOT NULL, 
	acknowledgement TEXT, 
	settings JSON NOT NULL, 
	answered BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(delivery_id) REFERENCES deliveries (id)
);
INSERT INTO "requests" VALUES(1,'abc/activix/2026-10',1,'export',NULL,'2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','2026-11-01 13:35:00.000000',NULL,'2026-10-01','2026-10-31',3,0,'it will be mailed','{}',1);
INSERT INTO "requests" VALUES(2,'abc/activix/2026-10/ABC Autos North',1,'export',NULL,'2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','2026-11-01 13:35:00.000000',NULL,'2026-10-01','2026-10-31',3,0,'it will be mailed','{}',0);
CREATE TABLE subscriptions (
	account TEXT NOT NULL, 
	client TEXT NOT NULL, 
	crm TEXT NOT NULL, 
	crm_label TEXT NOT NULL, 
	rooftop TEXT, 
	title TEXT NOT NULL, 
	first_execution TEXT NOT NULL, 
	drawn_at DATETIME NOT NULL, 
	verified_at DATETIME, 
	how TEXT, 
	shown JSON NOT NULL, 
	PRIMARY KEY (account)
);
CREATE TABLE uploads (
	id INTEGER NOT NULL, 
	delivery_id TEXT NOT NULL, 
	file_id INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	intended_at DATETIME NOT NULL, 
	answered_at DATETIME, 
	answer TEXT NOT NULL, 
	text TEXT, 
	reference TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(delivery_id) REFERENCES deliveries (id)
);
INSERT INTO "uploads" VALUES(1,'abc/activix/2026-10',1,'11','2026-11-01 13:05:00.000000','2026-11-01 13:05:00.000000','confirmed','Thank you','4711');
CREATE TABLE used_codes (
	account TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	PRIMARY KEY (account)
);
CREATE INDEX ix_deliveries_period_start ON deliveries (period_start);
CREATE INDEX ix_deliveries_client ON deliveries (client);
CREATE INDEX ix_requests_delivery_id ON requests (delivery_id);
CREATE INDEX ix_files_delivery_id ON files (delivery_id);
CREATE INDEX ix_uploads_delivery_id ON uploads (delivery_id);
COMMIT;
