//! How callers sound while they speak: by lists of words, by a model of meaning, by a language model.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use analysis::{
    Language,
    sentiment::{DIMENSIONS, Label, of_turn},
};
use serde_json::json;
use tandem::{
    app::Judge,
    config::{Analysis, Engine as Asked, Sentiment},
    domain::{Mood, Role},
    realtime::Kind,
    store::sql,
};
use vendors::{
    BoxFuture, Problem, VendorError, local::agent::Embedder, openai, played::openai as played,
};

use crate::{
    configs::{a_config, id_of},
    running::{Running, SOON},
    told,
};

/// The model of meaning, played from what it made of these lines once; it may be away.
struct Meanings {
    vectors: HashMap<String, Vec<f32>>,
    away: AtomicBool,
}

impl Meanings {
    /// Lines with the vectors of the real model: eight bits each, a scale before them.
    fn read() -> Arc<Meanings> {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline/analysis/data/held-apart-en");
        let list = std::fs::read_to_string(format!("{data}.tsv")).expect("the lines");
        let bytes = std::fs::read(format!("{data}.vectors")).expect("the vectors");
        let texts = list.lines().filter(|line| !line.starts_with('#'));
        let texts = texts.map(|line| line.split_once('\t').expect("a score and a text").1);
        let vectors = bytes.chunks_exact(4 + DIMENSIONS).map(|chunk| {
            let scale = f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            chunk[4..].iter().map(|byte| f32::from(byte.cast_signed()) * scale).collect()
        });
        let vectors = texts.map(str::to_owned).zip(vectors).collect();
        Arc::new(Meanings { vectors, away: AtomicBool::new(false) })
    }

    /// A line that is bad by its meaning, and by its words is not.
    fn bad(&self) -> &str {
        let label =
            |text: &str, vector: Option<&[f32]>| of_turn(text, Language::English, vector).label;
        let mut bad: Vec<&String> = self
            .vectors
            .iter()
            .filter(|(text, vector)| {
                label(text, None) == Label::Neutral && label(text, Some(vector)) == Label::Negative
            })
            .map(|(text, _)| text)
            .collect();
        bad.sort();
        bad.first().expect("the model is of use")
    }
}

impl Embedder for Meanings {
    fn embed<'a>(
        &'a self,
        texts: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, VendorError>> {
        Box::pin(async move {
            if self.away.load(Ordering::Relaxed) {
                let problem = Problem::Engine("it is away".to_owned());
                let (vendor, attempt) = ("played", "compare meanings");
                return Err(VendorError { vendor, attempt, problem, request_id: None });
            }
            let vector = |text: &String| self.vectors.get(text).cloned();
            Ok(texts.iter().map(|text| vector(text).unwrap_or_default()).collect())
        })
    }
}

impl Running<'_> {
    async fn mood(&mut self) -> Mood {
        self.until("a mood", |event| match &event.kind {
            Kind::SentimentChanged(felt) => Some(felt.mood),
            _ => None,
        })
        .await
    }

    async fn line(&mut self) -> String {
        self.until("a line", |event| match &event.kind {
            Kind::InteractionAdded(line) => Some(line.text.clone()),
            _ => None,
        })
        .await
    }

    /// How the lines were found to sound: score and how far it is to be believed.
    async fn felt(&self) -> Vec<(Option<f64>, Option<f64>)> {
        let select = sql("SELECT sentiment_score, sentiment_confidence FROM utterances
             WHERE call_id = $1 ORDER BY position");
        self.stage.app.db.all(select.bind(self.id)).await.expect("it reads")
    }
}

told! {
    async fn a_line_is_judged_by_its_meaning_before_it_is_told(stage: &Stage) {
        let meanings = Meanings::read();
        let bad = meanings.bad().to_owned();
        stage.app.use_embedder(meanings.clone());
        let mut call = Running::begin(stage);
        call.caller_says(&bad);
        assert_eq!(call.mood().await, Mood::Negative, "{bad}");
        assert!(matches!(call.felt().await[..], [(Some(score), Some(_))] if score < 0.0));

        // Many at once stay in their order, and each has its own meaning.
        let mut texts: Vec<&String> = meanings.vectors.keys().collect();
        texts.sort();
        for text in &texts {
            call.caller_says(text);
        }
        for text in &texts {
            assert_eq!(call.line().await, **text);
        }
        call.end();
        call.scored().await;
    }

    async fn a_model_that_is_away_is_asked_again_when_the_call_is_over(stage: &Stage) {
        let meanings = Meanings::read();
        let bad = meanings.bad().to_owned();
        meanings.away.store(true, Ordering::Relaxed);
        stage.app.use_embedder(meanings.clone());
        let mut call = Running::begin(stage);
        call.caller_says(&bad);
        assert_eq!(call.line().await, bad, "nobody waits for it");
        assert!(matches!(call.felt().await[..], [(_, None)]), "it was judged in haste");
        meanings.away.store(false, Ordering::Relaxed);
        call.end();
        let felt = of_turn(&bad, Language::English, Some(&meanings.vectors[&bad]));
        let wanted = (1.0 + f64::from(felt.score)) / 2.0;
        let scored = call.scored().await.sentiment;
        assert!((scored - wanted).abs() < 0.01, "{scored}, not {wanted}");
    }

    async fn a_language_model_has_the_last_word_on_a_line_where_it_is_asked(stage: &Stage) {
        let script = played::Script::new().answering(|body| {
            let shown = body["messages"][1]["content"].as_str().unwrap_or_default();
            let last = shown.lines().rev().nth(1).unwrap_or_default();
            played::Reply::text(match last {
                ironic if ironic.contains("splendid") => r#"{"score": -0.9, "confidence": 0.9}"#,
                _ => "I cannot tell.",
            })
        });
        let server = played::Server::start(script).await;
        let mut settings = openai::Settings::chat("test-key".into());
        settings.base_url.clone_from(&server.base_url);
        settings.model = "played".to_owned();
        let model = Arc::new(openai::Llm::new(settings).expect("sound"));
        let settings = Analysis {
            judge: false,
            sentiment: Sentiment::Llm,
            model: None,
            within: SOON,
            engines: vec![Asked::Openai],
        };
        stage.app.use_judge(Judge::new(model, &settings));
        let mut call = Running::begin(stage);
        call.caller_says("How splendid of you all.");
        assert_eq!(call.mood().await, Mood::Positive, "by its words");
        assert_eq!(call.mood().await, Mood::Negative);
        assert!(matches!(call.felt().await[..], [(Some(score), Some(_))] if score < -0.8));
        call.caller_says("The number is forty two.");
        call.line().await;
        let asked = async {
            while server.chats().len() < 2 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SOON, asked).await.expect("it is asked of each line");
        let body = server.chats().pop().expect("two");
        assert_eq!(body["temperature"], json!(0.0));
        call.end();
        // Nonsense leaves the second line as it was.
        assert!(call.scored().await.sentiment < 0.2);
        let felt = call.felt().await;
        assert_eq!(felt[1].0, Some(0.0), "{felt:?}");
    }

    async fn a_caller_whom_the_recogniser_makes_little_of_is_handed_over(stage: &Stage) {
        let admin = stage.client(Role::Admin).await;
        let doubt = json!({"type": "low_confidence", "threshold": 0.6});
        let config = json!({"escalation": {"enabled": true, "triggers": [doubt]}});
        let business = id_of(&a_config(&admin, "Garage", config).await).parse().expect("an id");
        let mut call = Running::begin_at(stage, Some(business));
        for (place, sure) in [Some(0.5), Some(0.9), None, Some(0.4), Some(0.3), Some(0.2)]
            .into_iter()
            .enumerate()
        {
            let at = 1_000 * (place as u64 + 1);
            call.caller_heard("four seven nine", (at - 900, at), sure);
        }
        let escalation = call
            .until("an escalation", |event| match &event.kind {
                Kind::EscalationTriggered(escalation) => Some(escalation.clone()),
                _ => None,
            })
            .await;
        assert_eq!(escalation.trigger_type, "low_confidence");
        assert_eq!(escalation.trigger_details["turns"], 3);
        let select = sql("SELECT confidence FROM utterances WHERE call_id = $1 ORDER BY position");
        let kept: Vec<(Option<f64>,)> =
            stage.app.db.all(select.bind(call.id)).await.expect("it reads");
        assert_eq!(kept.len(), 6);
        assert!(kept[1].0.is_some_and(|sure| (sure - 0.9).abs() < 0.001), "{kept:?}");
        assert_eq!(kept[2].0, None);
    }
}
