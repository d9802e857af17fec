//! What a call's session is told, made of a business configuration and the tenant's knowledge.

use std::sync::{Arc, Weak};

use vendors::{
    BoxFuture,
    local::agent::{Agent, Playbook},
};

use super::{App, Error, error::Attempt, knowledge::Reach, scribe::Fact};
use crate::{
    domain::{
        Business, BusinessId, TenantId,
        business_config::{KnowledgeBase, USUAL_MODEL},
        knowledge::Passage,
    },
    live::{
        brief::{Brief, business_of},
        retrieving::{Retrieval, Source},
    },
    store::configs,
};

impl App {
    /// What a call of the tenant's is told. Without a business, or with one that is gone or not active,
    /// `base` answers, the business of the server's file, and beside it what the tenant knows for all
    /// its businesses. `tts` is the engine that speaks; `call_sid` is the call whose score is to know what
    /// its models were told.
    ///
    /// The business's knowledge is read into memory here, so that the first question finds it there.
    ///
    /// # Errors
    /// [`Error::Store`]: the call can be answered by `base` alone.
    pub async fn brief_for(
        self: &Arc<Self>,
        tenant: TenantId,
        business: Option<BusinessId>,
        base: &Business,
        tts: &str,
        call_sid: Option<&str>,
    ) -> Result<Brief, Error> {
        let config = match business {
            None => None,
            Some(id) => configs::find(&self.db, tenant, id).await.attempt("find the business")?,
        };
        let config = config.filter(|config| config.is_active);
        let rules = config.as_ref().map(|config| &config.data.knowledge_base);
        let usual = KnowledgeBase { enabled: true, ..KnowledgeBase::default() };
        let rules = rules.unwrap_or(&usual);
        let of = (tenant, config.as_ref().map(|config| config.id));
        let shelved = match rules.enabled {
            true => Some(self.shelved(of).await?),
            false => None,
        };
        let source = shelved.is_some().then(|| {
            let reach = Reach {
                most: usize::try_from(rules.retrieval_top_k).unwrap_or(1),
                least: rules.similarity_threshold as f32,
            };
            let call_sid = call_sid.map(Arc::from);
            Arc::new(Search { app: Arc::downgrade(self), of, reach, call_sid }) as Arc<dyn Source>
        });
        let mut retrieval = Retrieval::new(source);
        let own_model = self.own_model(tenant).await;
        let Some(config) = config else {
            let retrieval = Arc::new(retrieval);
            let business = base.clone();
            return Ok(Brief { business, config: None, retrieval, own_model });
        };
        let ai = &config.data.ai;
        if !ai.model.eq_ignore_ascii_case(USUAL_MODEL) {
            retrieval.model = Some(ai.model.clone());
        }
        retrieval.temperature = Some(ai.temperature as f32);
        // Where no model answers, this business's own knowledge does, and never the file's.
        retrieval.stand_in = Some(match shelved {
            Some(shelved) => shelved.agent.clone(),
            None => Agent::without_models(Playbook::default()).map_err(|error| {
                Error::Internal { attempt: "making an agent", why: error.to_string() }
            })?,
        });
        let business = business_of(base, &config, tts);
        let retrieval = Arc::new(retrieval);
        Ok(Brief { business, config: Some(config), retrieval, own_model })
    }
}

/// A business's knowledge, as a call searches it.
struct Search {
    app: Weak<App>,
    of: (TenantId, Option<BusinessId>),
    reach: Reach,
    /// Whose question it is.
    call_sid: Option<Arc<str>>,
}

impl Source for Search {
    fn find<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Vec<Passage>> {
        Box::pin(async move {
            let Some(app) = self.app.upgrade() else { return Vec::new() };
            let found = app.find_passages(self.of.0, self.of.1, question, self.reach).await;
            found.unwrap_or_else(|error| {
                tracing::warn!(%error, "a call goes on without the knowledge");
                Vec::new()
            })
        })
    }

    fn used(&self, passages: &[Passage]) {
        if let Some(app) = self.app.upgrade() {
            app.note_knowledge_use(self.of.0, passages);
            if let Some(call_sid) = &self.call_sid {
                let texts = passages.iter().map(|passage| passage.text.clone()).collect();
                let (call_sid, at) = (call_sid.clone(), app.clock.now());
                app.report(Fact::Consulted { call_sid, at, texts });
            }
        }
    }
}
