//! What a session is told of the business that it answers for.

use std::sync::Arc;

use vendors::{Llm, local::agent::Playbook};

use super::retrieving::{Retrieval, Retrieving};
use crate::domain::{Business, BusinessConfig, business_config::USUAL_VOICE};

/// The voices of OpenAI's: names that say nothing to another vendor.
/// <https://platform.openai.com/docs/guides/text-to-speech#voice-options>
const OPENAI_VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
];

/// Characters of a greeting.
const LONGEST_GREETING: usize = 2_000;

/// What a session is told: who it answers for, and what its models are given.
#[derive(Clone)]
pub struct Brief {
    /// What the agent is called and says.
    pub business: Business,
    /// The configuration it was made of, with the triggers of escalation, the rules of quality and the
    /// delay of answers; none where the call names no business.
    pub config: Option<BusinessConfig>,
    pub retrieval: Arc<Retrieval>,
    /// The model that the tenant pays for itself, in place of the server's.
    pub own_model: Option<Arc<dyn Llm>>,
}

impl Brief {
    /// Who answers this call: the tenant's own model, or else the server's.
    pub fn model(&self, servers: Arc<dyn Llm>) -> Arc<dyn Llm> {
        self.over(self.own_model.clone().unwrap_or(servers))
    }

    /// The model as this call asks it.
    pub fn over(&self, llm: Arc<dyn Llm>) -> Arc<dyn Llm> {
        Arc::new(Retrieving::over(llm, Arc::clone(&self.retrieval)))
    }
}

/// The business of the server's file, as `config` has it instead: its name, role, language and voice.
/// The file's answers, tasks and small talk are another business's and are left out; its functions,
/// its notice and its person's number are the operator's and stay. `tts` is the engine that speaks.
///
/// A greeting may stand in the configuration as `voice.greeting`; else it is a plain one.
pub fn business_of(base: &Business, config: &BusinessConfig, tts: &str) -> Business {
    let data = &config.data;
    let language = data.voice.language.clone();
    let russian = base_language(&language) == "ru";
    let given = data.voice.more.get("greeting").and_then(|greeting| greeting.as_str());
    let given = given.map(str::trim).filter(|greeting| !greeting.is_empty());
    let greeting = given.map(|greeting| greeting.chars().take(LONGEST_GREETING).collect());
    // What the file says by itself may name its own business.
    let [goodbye, transfer] = match russian {
        true => ["Спасибо за звонок. До свидания.", "Одну минуту, я соединю вас с сотрудником."],
        false => {
            ["Thank you for calling. Goodbye.", "One moment, I will put you through to a person."]
        }
    };
    let mut business = Business {
        idle_prompt: String::new(),
        goodbye: goodbye.to_owned(),
        transfer: transfer.to_owned(),
        name: config.name.clone(),
        greeting: greeting.unwrap_or_else(|| match russian {
            true => format!("Здравствуйте, это {}. Чем могу помочь?", config.name),
            false => format!("Hello, this is {}. How can I help you?", config.name),
        }),
        instructions: match data.ai.system_prompt.trim() {
            "" => format!("You answer the telephone for {}.", config.name),
            prompt => prompt.to_owned(),
        },
        keywords: vec![config.name.clone()],
        voice: voice_of(&data.voice.voice, tts).or_else(|| base.voice.clone()),
        look_up: None,
        playbook: Playbook::default(),
        ..base.clone()
    };
    if !data.escalation.enabled {
        business.transfer_to = None;
        business.has_people = false;
    }
    business.language = language;
    business
}

/// The voice that is meant, if it is another than the server's own and `tts` knows it.
fn voice_of(name: &str, tts: &str) -> Option<String> {
    let own = name.eq_ignore_ascii_case(USUAL_VOICE);
    let elsewhere = !tts.starts_with("openai")
        && OPENAI_VOICES.iter().any(|one| one.eq_ignore_ascii_case(name));
    (!own && !elsewhere).then(|| name.to_owned())
}

fn base_language(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        demo,
        domain::{BusinessId, ConfigData, TenantId},
    };

    fn config(data: Value) -> BusinessConfig {
        let Value::Object(data) = data else { panic!("an object") };
        BusinessConfig {
            id: BusinessId::new(),
            tenant: TenantId::new(),
            name: "Joe's Garage".into(),
            kind: "car_repair".into(),
            data: ConfigData::read(data).expect("it is sound"),
            is_active: true,
            created_at: Utc::now(),
            updated_at: Utc::now(),
        }
    }

    #[test]
    fn nothing_of_the_files_own_business_is_said_for_another() {
        let base = Business::parse(demo::BUSINESS).expect("the demo's");
        let business = business_of(&base, &config(json!({})), "local");
        let script = business.script();
        assert!(script.greeting.contains("Joe's Garage"));
        assert!(script.instructions.starts_with("You answer the telephone for Joe's Garage."));
        let told = format!("{script:?}");
        assert!(!told.contains("dental") && !told.contains(base.name.as_str()), "{told}");
        assert_eq!(business.voice, base.voice);
    }

    #[test]
    fn the_configuration_decides() {
        let base = Business::parse(demo::BUSINESS).expect("the demo's");
        let base = Business { has_people: true, ..base };
        let data = json!({
            "ai": {"system_prompt": "Ты отвечаешь в гараже."},
            "voice": {"language": "ru-RU", "voice": "nova"},
            "escalation": {"enabled": false},
        });
        let business = business_of(&base, &config(data), "openai");
        assert_eq!(business.voice.as_deref(), Some("nova"));
        assert_eq!(business.language, "ru-RU");
        assert!(business.greeting.starts_with("Здравствуйте"));
        assert!(!business.can_transfer());
        assert!(business.script().instructions.starts_with("Ты отвечаешь в гараже."));
        let greeted = config(json!({"voice": {"greeting": "Garage!", "voice": "nova"}}));
        let business = business_of(&base, &greeted, "deepgram");
        assert_eq!(business.greeting, "Garage!");
        assert_eq!(business.voice, base.voice, "it has no such voice");
    }
}
