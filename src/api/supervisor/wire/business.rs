//! Business configurations, and credentials tried out.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{super::input::given, time};
use crate::{
    app::Credentials,
    domain::{BusinessConfig as Config, BusinessId, ConfigDraft, ConfigUsage},
};

/// 000 §4.1
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BusinessConfig {
    id: String,
    name: String,
    r#type: String,
    #[schema(value_type = BusinessConfigData)]
    config_data: Map<String, Value>,
    is_active: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<&Config> for BusinessConfig {
    fn from(config: &Config) -> Self {
        BusinessConfig {
            id: config.id.to_string(),
            name: config.name.clone(),
            r#type: config.kind.clone(),
            config_data: config.data.document(),
            is_active: config.is_active,
            created_at: time(config.created_at),
            updated_at: time(config.updated_at),
        }
    }
}

/// 000 §4.3
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct BusinessConfigInput {
    name: String,
    /// e.g. customer_support
    r#type: String,
    config_data: BusinessConfigData,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, default = true)]
    is_active: Option<bool>,
}

impl From<BusinessConfigInput> for ConfigDraft {
    fn from(input: BusinessConfigInput) -> Self {
        ConfigDraft {
            name: input.name,
            kind: input.r#type,
            data: input.config_data.document(),
            is_active: input.is_active,
        }
    }
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$schema:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
        pub struct $name {
            $(
                #[serde(
                    default, deserialize_with = "given", skip_serializing_if = "Option::is_none"
                )]
                #[schema(nullable = false)]
                $(#[$schema])*
                $field: Option<$kind>,
            )*
            #[serde(flatten)]
            #[schema(ignore)]
            more: Map<String, Value>,
        }
    )*};
}

parts! {
    /// Missing parts take their defaults; keys not named here are kept.
    BusinessConfigData {
        ai: BusinessConfigAi,
        voice: BusinessConfigVoice,
        knowledge_base: BusinessConfigKnowledge,
        quality_assurance: BusinessConfigQuality,
        escalation: BusinessConfigEscalation,
    }
    BusinessConfigAi {
        #[schema(default = "gpt-4o-mini")]
        model: String,
        #[schema(default = 0.7)]
        temperature: f64,
        #[schema(default = "")]
        system_prompt: String,
    }
    BusinessConfigVoice {
        #[schema(default = "en-US")]
        language: String,
        #[schema(default = "alloy")]
        voice: String,
        #[schema(default = 0)]
        response_delay: f64,
    }
    BusinessConfigKnowledge {
        #[schema(default = false)]
        enabled: bool,
        #[schema(minimum = 1, default = 5)]
        retrieval_top_k: i64,
        #[schema(minimum = 0, maximum = 1, default = 0.7)]
        similarity_threshold: f64,
    }
    BusinessConfigQuality {
        #[schema(default = true)]
        enabled: bool,
        #[schema(default = true)]
        sentiment_analysis: bool,
        #[schema(default = true)]
        compliance_check: bool,
        #[schema(minimum = 0, maximum = 1, default = 0.6)]
        min_score_threshold: f64,
    }
    BusinessConfigEscalation {
        #[schema(default = true)]
        enabled: bool,
        triggers: Vec<EscalationTrigger>,
        #[schema(default = false)]
        warm_transfer: bool,
    }
}

#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct EscalationTrigger {
    r#type: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    threshold: Option<f64>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    keywords: Option<Vec<String>>,
}

impl BusinessConfigData {
    /// What was sent, as it was sent.
    fn document(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(document)) => document,
            other => unreachable!("its keys are texts: {other:?}"),
        }
    }
}

/// What hangs on a business configuration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BusinessConfigUsage {
    business_id: String,
    /// active_calls > 0
    is_in_use: bool,
    #[schema(minimum = 0)]
    active_calls: i64,
    #[schema(minimum = 0)]
    total_calls: i64,
    #[schema(minimum = 0)]
    knowledge_entries: i64,
}

impl BusinessConfigUsage {
    /// Of this configuration.
    pub fn of(id: BusinessId, usage: ConfigUsage) -> Self {
        BusinessConfigUsage {
            business_id: id.to_string(),
            is_in_use: usage.is_in_use(),
            active_calls: usage.active_calls,
            total_calls: usage.total_calls,
            knowledge_entries: usage.knowledge_entries,
        }
    }
}

/// Credentials of vendors; never shown again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct ApiConfig {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<String>)]
    openai_api_key: Option<SecretString>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    twilio_account_sid: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<String>)]
    twilio_auth_token: Option<SecretString>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<String>)]
    twilio_phone_number: Option<SecretString>,
}

impl From<ApiConfig> for Credentials {
    fn from(input: ApiConfig) -> Self {
        use secrecy::ExposeSecret;
        Credentials {
            openai_api_key: input.openai_api_key,
            twilio_account_sid: input.twilio_account_sid,
            twilio_auth_token: input.twilio_auth_token,
            twilio_phone_number: input
                .twilio_phone_number
                .map(|number| twiml::PhoneNumber::new(number.expose_secret())),
        }
    }
}

/// 004 (L79)
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConnectionResult {
    connected: bool,
    #[schema(required)]
    error: Option<String>,
}

impl From<Result<(), String>> for ConnectionResult {
    fn from(asked: Result<(), String>) -> Self {
        ConnectionResult { connected: asked.is_ok(), error: asked.err() }
    }
}
