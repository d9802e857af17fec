//! Knowledge base entries.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    super::{error::Problem, input::given},
    time,
};
use crate::domain::{
    BusinessId,
    knowledge::{Entry, EntryDraft},
};

/// 000 §5.1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KnowledgeEntry {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    business_id: Option<String>,
    title: String,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    source_type: Option<String>,
    /// Vectors are kept beside the entry: none is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    vector_id: Option<String>,
    metadata: Map<String, Value>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<&Entry> for KnowledgeEntry {
    fn from(entry: &Entry) -> Self {
        KnowledgeEntry {
            id: entry.id,
            business_id: entry.business.map(|id| id.to_string()),
            title: entry.title.clone(),
            content: entry.content.clone(),
            source: entry.source.clone(),
            source_type: entry.source_type.clone(),
            vector_id: None,
            metadata: entry.metadata.clone(),
            created_at: time(entry.created_at),
            updated_at: time(entry.updated_at),
        }
    }
}

/// 000 §5.2
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct KnowledgeEntryInput {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    business_id: Option<String>,
    title: String,
    content: String,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    source: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    source_type: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl TryFrom<KnowledgeEntryInput> for EntryDraft {
    type Error = Problem;

    fn try_from(input: KnowledgeEntryInput) -> Result<Self, Problem> {
        Ok(EntryDraft {
            business: input.business_id.as_deref().map(business_id).transpose()?,
            title: input.title,
            content: input.content,
            source: input.source,
            source_type: input.source_type,
            metadata: input.metadata,
        })
    }
}

/// The configuration that a field or a parameter names.
///
/// # Errors
/// It is no identifier: 400.
pub fn business_id(text: &str) -> Result<BusinessId, Problem> {
    let wrong = "must be the id of a business configuration";
    text.parse().map_err(|_| Problem::invalid("business_id", wrong))
}
