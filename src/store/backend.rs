//! The two engines: SQLite, embedded, and PostgreSQL, the fleet's. One SQL text serves both.
//!
//! Numbered placeholders, `RETURNING`, `ON CONFLICT`, CTEs, row values, `FILTER` and `->>` read the
//! same on both. Text is only ever `&'static str`: input cannot become SQL, it is bound. Rows are plain
//! `#[derive(sqlx::FromRow)]`. What differs is a function here that picks by engine.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor, FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

pub use super::value::Val;

/// A connection is waited for so long.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// SQLite's lock is waited for so long.
const BUSY_WITHIN: Duration = Duration::from_secs(10);
/// Connections to PostgreSQL of one process.
const MOST_CONNECTIONS: u32 = 16;
/// Readers of the SQLite file of one process.
const MOST_READERS: u32 = 4;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("{what} in the database is {value:?}, which it cannot be")]
    Corrupt { what: &'static str, value: String },
}

impl StoreError {
    /// Did a unique index refuse the row?
    pub fn is_conflict(&self) -> bool {
        matches!(self, StoreError::Database(error)
            if error.as_database_error().is_some_and(|error| error.is_unique_violation()))
    }

    /// Is the database away, so that the same may succeed later?
    pub fn is_away(&self) -> bool {
        match self {
            StoreError::Database(error) => match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_away(&code)),
                _ => false,
            },
            StoreError::Corrupt { .. } => false,
        }
    }
}

/// Does an engine's code mean that it is away?
fn is_away(code: &str) -> bool {
    if code.len() == 5 {
        // PostgreSQL: classes of connections, of resources, of a server that stops; and 25006, which
        // is a standby's.
        return code.starts_with("08")
            || code.starts_with("53")
            || code.starts_with("57P")
            || code == "25006";
    }
    // SQLite: 5 and 6 are locks, 10 and 13 the disk; what is above the low byte says more of it.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

/// A statement and what is bound to it.
#[derive(Clone, Debug)]
pub struct Sql {
    text: String,
    args: Vec<Val>,
}

/// A statement of this text; `$1` is the first that is bound, and may stand there more than once.
pub fn sql(text: &'static str) -> Sql {
    Sql { text: text.to_owned(), args: Vec::new() }
}

impl Sql {
    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Val>) -> Self {
        self.args.push(value.into().kept());
        self
    }

    /// More text.
    #[must_use]
    pub fn push(mut self, text: &'static str) -> Self {
        self.text.push(' ');
        self.text.push_str(text);
        self
    }

    /// A placeholder at the end of the text, and its value.
    #[must_use]
    pub fn arg(mut self, value: impl Into<Val>) -> Self {
        self.args.push(value.into().kept());
        self.text.push_str(&format!(" ${}", self.args.len()));
        self
    }

    /// ` AND <condition> $n`, where there is a value: `.and("c.status =", filter.status)`.
    #[must_use]
    pub fn and(self, condition: &'static str, value: Option<impl Into<Val>>) -> Self {
        match value {
            None => self,
            Some(value) => self.push("AND").push(condition).arg(value),
        }
    }

    /// ` AND <column> IN ($n, …)`; none of no values.
    #[must_use]
    pub fn and_in<V: Into<Val>>(
        mut self,
        column: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else { return self.push("AND 1 = 0") };
        self = self.push("AND").push(column).push("IN (").arg(first);
        for value in values {
            self = self.push(",").arg(value);
        }
        self.push(")")
    }

    /// ` AND <column> IN (1, 2, …)`; none of no numbers. Numbers cannot become SQL, and are written out:
    /// PostgreSQL plans for those that it sees.
    #[must_use]
    pub fn and_any(mut self, column: &'static str, numbers: &[i64]) -> Self {
        if numbers.is_empty() {
            return self.push("AND 1 = 0");
        }
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        self.text.push_str(&format!(" AND {column} IN ({})", numbers.join(", ")));
        self
    }

    /// `<column>` has this text in it, wherever, sign by sign.
    #[must_use]
    pub fn contains(self, db: &Db, column: &'static str, text: &str) -> Self {
        let function = match db {
            Db::Sqlite { .. } => "instr(",
            Db::Postgres(_) => "strpos(",
        };
        self.push(function).push(column).push(",").arg(text).push(") > 0")
    }

    /// The rows are nobody else's to change until the transaction ends. SQLite has one writer, and
    /// needs no words for it.
    #[must_use]
    pub fn for_update(self, tx: &Tx) -> Self {
        match tx {
            Tx::Sqlite(_) => self,
            Tx::Postgres(_) => self.push("FOR UPDATE"),
        }
    }

    /// The same of the rows of one table of several, by its name in the statement.
    #[must_use]
    pub fn for_update_of(self, tx: &Tx, table: &'static str) -> Self {
        match tx {
            Tx::Sqlite(_) => self,
            Tx::Postgres(_) => self.push("FOR UPDATE OF").push(table),
        }
    }

    /// The seconds from one column's time to another's.
    #[must_use]
    pub fn seconds_between(mut self, db: &Db, from: &'static str, to: &'static str) -> Self {
        self.text.push_str(&match db {
            // Days as floating point: right to some 0.1 ms.
            Db::Sqlite { .. } => format!(" (julianday({to}) - julianday({from})) * 86400.0"),
            Db::Postgres(_) => format!(" EXTRACT(EPOCH FROM ({to} - {from}))"),
        });
        self
    }

    /// The text as it stands.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One writer, several readers.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction: dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// What a row can be read as, on either engine.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

macro_rules! query_of {
    ($make:expr, $args:expr) => {{
        let mut query = $make;
        for arg in $args {
            query = match arg {
                Val::Bool(value) => query.bind(value),
                Val::Int(value) => query.bind(value),
                Val::Float(value) => query.bind(value),
                Val::Text(value) => query.bind(value),
                Val::Uuid(value) => query.bind(value),
                Val::Time(value) => query.bind(value),
                Val::Json(value) => query.bind(value.map(sqlx::types::Json)),
                Val::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

macro_rules! fetch {
    ($sql:expr, $row:ty, $method:ident, $on:expr) => {{
        let Sql { text, args } = $sql;
        query_of!(sqlx::query_as::<_, $row>(AssertSqlSafe(text)), args).$method($on).await?
    }};
}

impl Db {
    /// Opens the database at this address: `postgres://…`, or `sqlite:` and a file's path, which is
    /// made if it is not there.
    ///
    /// # Errors
    /// It cannot be reached or opened.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        if file_of(url).is_none() {
            let options = PgConnectOptions::from_str(url)?
                .application_name("tandem")
                // A connection that is pooled elsewhere does not mind.
                .statement_cache_capacity(256);
            let pool = PgPoolOptions::new()
                .max_connections(MOST_CONNECTIONS)
                .acquire_timeout(ACQUIRE_WITHIN)
                .after_connect(|connection, _| {
                    // Compiling a statistic of many periods takes longer than counting it.
                    Box::pin(async move { connection.execute("SET jit = off").await.map(drop) })
                })
                .connect_with(options)
                .await?;
            return Ok(Db::Postgres(pool));
        }
        Db::open_file(file_of(url).unwrap_or(Path::new(url))).await
    }

    /// Opens the SQLite file at `path`.
    ///
    /// # Errors
    /// It cannot be opened or made.
    pub async fn open_file(path: &Path) -> Result<Db, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What is committed is on the disk: a line of a transcript is announced after that.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_WITHIN)
            .foreign_keys(true)
            .pragma("cache_size", "-16000")
            .pragma("mmap_size", "268435456")
            .pragma("temp_store", "memory");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_WITHIN)
            .connect_with(options.clone())
            .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(MOST_READERS)
            .acquire_timeout(ACQUIRE_WITHIN)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Db::Sqlite { write, read })
    }

    /// What it is, for people.
    pub fn engine(&self) -> &'static str {
        match self {
            Db::Sqlite { .. } => "SQLite",
            Db::Postgres(_) => "PostgreSQL",
        }
    }

    /// Do transactions write beside each other? SQLite's wait for each other.
    pub fn has_many_writers(&self) -> bool {
        matches!(self, Db::Postgres(_))
    }

    /// For `ORDER BY <text>`: by the bytes of its UTF-8, whatever the database's own order of words.
    pub fn by_bytes(&self) -> &'static str {
        match self {
            Db::Sqlite { .. } => "COLLATE BINARY",
            Db::Postgres(_) => "COLLATE \"C\"",
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all<R: Row>(&self, sql: Sql) -> Result<Vec<R>, StoreError> {
        Ok(match self {
            Db::Sqlite { read, .. } => fetch!(sql, R, fetch_all, read),
            Db::Postgres(pool) => fetch!(sql, R, fetch_all, pool),
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn opt<R: Row>(&self, sql: Sql) -> Result<Option<R>, StoreError> {
        Ok(match self {
            Db::Sqlite { read, .. } => fetch!(sql, R, fetch_optional, read),
            Db::Postgres(pool) => fetch!(sql, R, fetch_optional, pool),
        })
    }

    /// The row, which must be there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn one<R: Row>(&self, sql: Sql) -> Result<R, StoreError> {
        Ok(match self {
            Db::Sqlite { read, .. } => fetch!(sql, R, fetch_one, read),
            Db::Postgres(pool) => fetch!(sql, R, fetch_one, pool),
        })
    }

    /// One statement that changes something, by itself; how many rows it touched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn exec(&self, sql: Sql) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let touched = tx.exec(sql).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// The passages of knowledge that have any of these words, best first: `id`, of the entries that
    /// `narrowed` leaves of `knowledge_chunks c JOIN knowledge k`. Each word stands for itself alone,
    /// whatever signs are in it.
    pub fn matching_words(&self, words: &[String], narrowed: impl FnOnce(Sql) -> Sql) -> Sql {
        match self {
            Db::Sqlite { .. } => {
                // FTS5: a string in double quotes has no operators; a quote in it is doubled.
                let quoted: Vec<String> =
                    words.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
                let select = sql("SELECT c.id FROM knowledge_words
                    JOIN knowledge_chunks c ON c.id = knowledge_words.rowid
                    JOIN knowledge k ON k.id = c.entry_id
                    WHERE knowledge_words MATCH");
                narrowed(select.arg(quoted.join(" OR ")))
                    .push("ORDER BY knowledge_words.rank, c.id")
            }
            Db::Postgres(_) => {
                let mut select = sql("WITH asked AS (SELECT ''::tsquery");
                for word in words {
                    select =
                        select.push("|| plainto_tsquery('simple',").arg(word.as_str()).push(")");
                }
                let select = select.push(
                    "AS query) SELECT c.id FROM asked, knowledge_chunks c
                    JOIN knowledge k ON k.id = c.entry_id
                    WHERE c.words @@ asked.query",
                );
                narrowed(select).push("ORDER BY ts_rank(c.words, asked.query) DESC, c.id")
            }
        }
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            // Immediate: a reader that becomes a writer would be refused at once in spite of the
            // busy timeout.
            Db::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Does the engine choose indexes by what the columns hold? SQLite knows how long the tables are
    /// and is drawn to any range that an index serves; `+` before a column hides it.
    pub fn knows_its_data(&self) -> bool {
        matches!(self, Db::Postgres(_))
    }

    /// Has SQLite look how long its tables and how alike their columns are, where it has not yet or they
    /// have grown tenfold: it chooses indexes by that. It looks at some rows of each alone, in some tens
    /// of milliseconds, for which writers wait. PostgreSQL does so by itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn(&self) -> Result<(), StoreError> {
        if let Db::Sqlite { write, .. } = self {
            // 2: analyse what needs it; 0x10: not every row; 0x10000: among all tables, used by this
            // connection or not.
            sqlx::query("PRAGMA optimize = 0x10012").execute(write).await?;
        }
        Ok(())
    }

    /// How a statement would be carried out, a line a step: `EXPLAIN`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain(&self, sql: Sql) -> Result<Vec<String>, StoreError> {
        let Sql { text, args } = sql;
        match self {
            Db::Sqlite { .. } => {
                let text = format!("EXPLAIN QUERY PLAN {text}");
                let rows: Vec<(i64, i64, i64, String)> = self.all(Sql { text, args }).await?;
                Ok(rows.into_iter().map(|(_, _, _, step)| step).collect())
            }
            Db::Postgres(_) => {
                let text = format!("EXPLAIN {text}");
                let rows: Vec<(String,)> = self.all(Sql { text, args }).await?;
                Ok(rows.into_iter().map(|(step,)| step).collect())
            }
        }
    }

    /// Copies a SQLite database, consistent as of now, into a new file while it is in use.
    ///
    /// # Errors
    /// PostgreSQL has its own tools; the file is there already; the disk refused.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        let Db::Sqlite { read, .. } = self else { return Err(BackupError::NotSqlite) };
        if to.exists() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let path = to.to_str().ok_or_else(|| BackupError::Name(to.to_owned()))?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(read).await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Closes all connections; SQLite's log is written back.
    pub async fn close(&self) {
        match self {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

/// The file of a SQLite database's address; none of PostgreSQL's.
pub fn file_of(url: &str) -> Option<&Path> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return None;
    }
    let path = url.strip_prefix("sqlite://").or(url.strip_prefix("sqlite:")).unwrap_or(url);
    Some(Path::new(path))
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("only a SQLite database is backed up so; use pg_dump for PostgreSQL")]
    NotSqlite,
    #[error("{0} is there already")]
    Exists(std::path::PathBuf),
    #[error("{0} is not a name that SQLite can write to")]
    Name(std::path::PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tx {
    /// All rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all<R: Row>(&mut self, sql: Sql) -> Result<Vec<R>, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => fetch!(sql, R, fetch_all, &mut **tx),
            Tx::Postgres(tx) => fetch!(sql, R, fetch_all, &mut **tx),
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn opt<R: Row>(&mut self, sql: Sql) -> Result<Option<R>, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => fetch!(sql, R, fetch_optional, &mut **tx),
            Tx::Postgres(tx) => fetch!(sql, R, fetch_optional, &mut **tx),
        })
    }

    /// The row, which must be there, as that of `RETURNING` is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn one<R: Row>(&mut self, sql: Sql) -> Result<R, StoreError> {
        Ok(match self {
            Tx::Sqlite(tx) => fetch!(sql, R, fetch_one, &mut **tx),
            Tx::Postgres(tx) => fetch!(sql, R, fetch_one, &mut **tx),
        })
    }

    /// Changes something; how many rows it touched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn exec(&mut self, sql: Sql) -> Result<u64, StoreError> {
        let Sql { text, args } = sql;
        Ok(match self {
            Tx::Sqlite(tx) => query_of!(sqlx::query(AssertSqlSafe(text)), args)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Tx::Postgres(tx) => query_of!(sqlx::query(AssertSqlSafe(text)), args)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// Makes it so.
    ///
    /// # Errors
    /// [`StoreError`]; then it never was.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
