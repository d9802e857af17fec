//! What the agent may answer from.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::ids::{BusinessId, TenantId};

/// The key of an entry's metadata that tells how far the text of its document is.
pub const STATUS_KEY: &str = "processing_status";
/// The key of an entry's metadata that tells why its document cannot be used.
pub const REASON_KEY: &str = "processing_error";

/// An entry of the knowledge base: a text, or a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: i64,
    pub tenant: TenantId,
    /// None: it is of all the tenant's businesses.
    pub business: Option<BusinessId>,
    pub title: String,
    /// Empty until a document's text has been extracted.
    pub content: String,
    pub source: Option<String>,
    pub source_type: Option<String>,
    pub metadata: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What can be said of an entry when it is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryDraft {
    pub business: Option<BusinessId>,
    pub title: String,
    pub content: String,
    pub source: Option<String>,
    pub source_type: Option<String>,
    pub metadata: Map<String, Value>,
}

/// How far a document's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    Processing,
    Completed,
    Failed,
}

impl Processing {
    /// Its name in the entry's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Processing::Processing => "processing",
            Processing::Completed => "completed",
            Processing::Failed => "failed",
        }
    }
}

/// A passage that may answer a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// The entry that it is of.
    pub entry: i64,
    /// The entry's title and the headings above the passage.
    pub heading: String,
    pub text: String,
    /// How like it is to the question, 0 to 1.
    pub similarity: f32,
}
