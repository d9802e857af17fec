//! A crowd of callers, their carrier, and the vendors that hear, answer and speak: all of them played,
//! each by its real protocol over real sockets.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tandem::caller::{
    ACCOUNT_SID, Clip, Step, Wait,
    exchange::{Exchange, Leg, Phone, Settings},
};
use vendors::played::{Pace, deepgram, openai};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OURS: &str = "+15005550006";
/// The agent has had its say after so much silence.
const SILENCE: Duration = Duration::from_millis(500);
/// It answers within so long, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// The carrier, the vendors, and everybody who calls.
pub struct Callers {
    exchange: Exchange,
    model: openai::Server,
    ears: deepgram::Server,
    clip: Arc<Clip>,
    legs: Vec<Leg>,
}

impl Callers {
    /// Ready to ask so many questions in all. No two lines say the same.
    pub async fn ready(questions: usize) -> Callers {
        let pace = Pace { first: Duration::from_millis(80), between: Duration::from_millis(10) };
        let mut model = openai::Script::new().chat_pace(pace);
        let mut ears = deepgram::Script::new().speak_pace(pace);
        for number in 0..questions {
            model = model.reply(format!("Answer {number}: on Thursday at nine.").as_str());
            ears = ears.hears(&format!("Question {number}: may I come on Thursday, please?"));
        }
        let exchange = Exchange::start(Settings::new(SecretString::from(TOKEN))).await;
        let exchange = exchange.expect("listens");
        exchange.own_number(OURS);
        let samples = fixtures::recording("callers/hours").samples_8k();
        Callers {
            exchange,
            model: openai::Server::start(model).await,
            ears: deepgram::Server::start(ears).await,
            clip: Clip::from_samples("a question", &samples).expect("a clip"),
            legs: Vec::new(),
        }
    }

    /// What the program is to be started with.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TWILIO_API_URL", self.exchange.base_url()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned()),
            ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
            ("TANDEM_VAD", "webrtc".to_owned()),
            ("TANDEM_TTS", "deepgram".to_owned()),
            ("TANDEM_PHRASES", "false".to_owned()),
            ("OPENAI_API_KEY", "test-key".to_owned()),
            ("OPENAI_BASE_URL", self.model.base_url.clone()),
            ("DEEPGRAM_API_KEY", "test-key".to_owned()),
            ("DEEPGRAM_URL", self.ears.base_url.clone()),
        ]
    }

    /// Somebody calls the program at this address, asks so many questions, each when the one before is
    /// answered, and hangs up.
    pub fn call(&mut self, url: &str, questions: usize) {
        let wait = Step::WaitForAgent(Wait { silence: SILENCE, within: PATIENCE });
        let mut steps = vec![wait.clone()];
        for _ in 0..questions {
            steps.extend([Step::Say(self.clip.clone()), wait.clone()]);
        }
        steps.push(Step::HangUp);
        let from = format!("+1500555{:04}", self.legs.len());
        let (answer, status) =
            (format!("{url}/webhooks/twilio/answer"), format!("{url}/webhooks/twilio/status"));
        let phone = Phone::answers().does(steps);
        let leg = self.exchange.call_in(&answer, (&from, OURS), phone, Some(&status));
        self.legs.push(leg.expect("there is room"));
    }

    /// How many have not hung up, and were not hung up on.
    #[allow(dead_code)]
    pub fn still_talking(&self) -> usize {
        self.legs.iter().filter(|leg| !leg.is_over()).count()
    }

    /// All hang up now.
    #[allow(dead_code)]
    pub fn hang_up(&self) {
        self.legs.iter().for_each(|leg| leg.hang_up());
    }

    /// Until all have hung up.
    pub async fn until_over(&self, within: Duration) {
        for leg in &self.legs {
            leg.ended(within).await.expect("the call ends");
        }
    }
}
