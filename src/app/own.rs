//! A tenant's own accounts with vendors, as its calls use them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use secrecy::{ExposeSecret, SecretString};
use vendors::{Llm, openai};

use super::App;
use crate::domain::TenantId;

/// Tenants whose models are kept ready.
const MOST_KEPT: usize = 500;

/// Tenants' own models, with their connections.
#[derive(Default)]
pub(super) struct Owned {
    models: Mutex<HashMap<TenantId, Own>>,
}

struct Own {
    /// The key that it was made with.
    key: SecretString,
    model: Arc<dyn Llm>,
}

impl App {
    /// The model that a tenant pays for itself, if it gave a key. Where its key cannot be opened or used
    /// the server's own model answers: a caller is not to suffer for it.
    pub(super) async fn own_model(&self, tenant: TenantId) -> Option<Arc<dyn Llm>> {
        let key = match self.openai_key(tenant).await {
            Ok(key) => key?,
            Err(error) => {
                tracing::error!(%tenant, %error, "a tenant's key could not be opened");
                return None;
            }
        };
        let models = || self.owned.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = models().get(&tenant)
            && own.key.expose_secret() == key.expose_secret()
        {
            return Some(Arc::clone(&own.model));
        }
        let mut settings = openai::Settings::chat(key.clone());
        if let Some(url) = &self.settings.openai_url {
            settings.base_url.clone_from(url);
        }
        if let Some(model) = &self.settings.openai_model {
            settings.model.clone_from(model);
        }
        let model = match openai::Llm::new(settings) {
            Ok(model) => Arc::new(model) as Arc<dyn Llm>,
            Err(error) => {
                tracing::error!(%tenant, %error, "a tenant's key cannot be used");
                return None;
            }
        };
        let mut models = models();
        if models.len() >= MOST_KEPT {
            models.clear();
        }
        models.insert(tenant, Own { key, model: Arc::clone(&model) });
        Some(model)
    }
}
