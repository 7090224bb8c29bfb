-- Run once by the PostgreSQL of docker-compose.yml, as its superuser: a role that owns the tables and one that serves, and the database.
\set owner_password `cat /run/secrets/owner_password`
\set app_password `cat /run/secrets/app_password`
CREATE ROLE jiafang_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE jiafang_app LOGIN PASSWORD :'app_password';
CREATE DATABASE jiafang OWNER jiafang_owner ENCODING 'UTF8' TEMPLATE template0;
