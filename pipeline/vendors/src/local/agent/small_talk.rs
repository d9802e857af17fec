//! What is said on any telephone, recognised by its words: greetings, thanks, yes and no, the wish for
//! a person. What is answered to it stands in the playbook.

use super::words::{find, has_any, tokens, topics};

/// Something that callers say anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Small {
    Greeting,
    HowAreYou,
    Thanks,
    Goodbye,
    /// Whether it is a machine that speaks.
    Robot,
    CanHear,
    /// "Hold on."
    Wait,
    /// What was just said, again.
    Repeat,
    /// A person is wanted.
    Person,
    /// What the agent can do.
    Help,
    /// "Okay."
    Understood,
}

impl Small {
    /// Those that are also looked for by meaning.
    pub const ALL: [Small; 6] =
        [Small::HowAreYou, Small::Robot, Small::CanHear, Small::Repeat, Small::Person, Small::Help];

    /// Ways of saying it, for the search by meaning.
    pub fn phrasings(self) -> &'static [&'static str] {
        match self {
            Small::HowAreYou => &["How are you today?", "How is it going?"],
            Small::Robot => {
                &["Are you a robot?", "Am I talking to a real person?", "Are you human?"]
            }
            Small::CanHear => &["Can you hear me?", "Are you still there?"],
            Small::Repeat => &[
                "Could you repeat that, please?",
                "Sorry, what did you say?",
                "I did not catch that",
            ],
            Small::Person => &[
                "I want to speak to a person",
                "Put me through to the front desk",
                "Can I talk to a human being?",
                "Let me talk to the manager",
            ],
            Small::Help => &["What can you help me with?", "What can you do?"],
            Small::Greeting | Small::Thanks | Small::Goodbye | Small::Wait | Small::Understood => {
                &[]
            }
        }
    }

    /// Certain enough to come before any question of the business.
    pub fn comes_first(self) -> bool {
        matches!(self, Small::Robot | Small::CanHear | Small::Repeat | Small::Person)
    }
}

const GOODBYE: &[&str] = &[
    "goodbye",
    "good bye",
    "bye",
    "that is all",
    "that will be all",
    "that is everything",
    "that is it thank you",
    "that is it thanks",
    "nothing else",
    "no more questions",
    "no further questions",
    "have a nice day",
    "have a good day",
    "have a great day",
    "see you then",
    "see you soon",
    "see you later",
    "see you tomorrow",
    "hang up",
    "i am done",
];

const REPEAT: &[&str] = &[
    "repeat that",
    "repeat it",
    "repeat please",
    "please repeat",
    "you repeat",
    "say that again",
    "say it again",
    "say again",
    "come again",
    "pardon",
    "what did you say",
    "what was that",
    "did not catch that",
    "did not hear that",
    "did not hear you",
    "could not hear you",
    "did not get that",
    "once more",
    "one more time",
    "go on",
    "please continue",
    "carry on",
];

const CAN_HEAR: &[&str] = &[
    "can you hear me",
    "do you hear me",
    "could you hear me",
    "are you there",
    "are you still there",
    "is anybody there",
    "is anyone there",
    "hello hello",
];

const ROBOT: &[&str] = &[
    "are you a robot",
    "are you a machine",
    "are you a computer",
    "are you a bot",
    "are you a human",
    "are you human",
    "are you a person",
    "are you a real person",
    "are you a real human",
    "are you real",
    "are you an ai",
    "are you ai",
    "are you a recording",
    "are you automated",
    "is this a robot",
    "is this a machine",
    "is this a recording",
    "is this a real person",
    "is this an ai",
    "am i talking to",
    "am i speaking to",
    "am i talking with",
    "am i speaking with",
    "is this automated",
    "are you an actual person",
    "are you a chatbot",
];

const PUT_THROUGH: &[&str] = &[
    "put me through",
    "connect me",
    "transfer me",
    "real person",
    "human being",
    "actual person",
    "live person",
    "live agent",
    "actual human",
    "real human",
    "customer service",
    "get me a person",
    "get me a human",
    "get me someone",
    "want a person",
    "want a human",
    "need a person",
    "need a human",
    "pass me to",
    "a human please",
    "a person please",
];

const WHOM: &[&str] = &[
    "person",
    "human",
    "someone",
    "somebody",
    "agent",
    "representative",
    "receptionist",
    "operator",
    "manager",
    "staff",
    "desk",
    "reception",
    "dentist",
    "doctor",
    "dr",
    "people",
    "supervisor",
];

const WAIT: &[&str] = &[
    "hold on",
    "hang on",
    "one moment",
    "one second",
    "just a moment",
    "just a second",
    "one minute",
    "just a minute",
    "give me a second",
    "give me a moment",
    "give me a minute",
    "bear with me",
    "let me think",
    "let me check",
    "let me see",
];

/// The small talk in an utterance, the weightiest first.
pub(super) fn heard(text: &str) -> Option<Small> {
    let tokens = tokens(text);
    let content = topics(text);
    let short = |limit: usize| tokens.len() <= limit;
    if has_any(&tokens, ROBOT) {
        return Some(Small::Robot);
    }
    if wants_person(&tokens) {
        return Some(Small::Person);
    }
    if has_any(&tokens, CAN_HEAR) && content.is_empty() {
        return Some(Small::CanHear);
    }
    let lone = ["sorry", "what", "pardon", "huh", "excuse me", "sorry what", "again", "repeat"];
    if (has_any(&tokens, REPEAT) && content.len() <= 2 && short(14))
        || lone.contains(&tokens.join(" ").as_str())
    {
        return Some(Small::Repeat);
    }
    if has_any(&tokens, GOODBYE) {
        return Some(Small::Goodbye);
    }
    if has_any(&tokens, &["how are you", "how is it going", "how do you do", "how is your day"]) {
        return Some(Small::HowAreYou);
    }
    if has_any(&tokens, WAIT) && short(10) && content.len() <= 2 {
        return Some(Small::Wait);
    }
    let help = [
        "what can you do",
        "what can you help",
        "how can you help",
        "can you help me",
        "what do you do",
    ];
    if (has_any(&tokens, &help) || tokens.join(" ") == "help") && content.is_empty() {
        return Some(Small::Help);
    }
    if has_any(&tokens, &["thank you", "thanks", "thank", "cheers", "appreciate it"]) {
        return Some(Small::Thanks);
    }
    if content.is_empty() {
        let greets = ["hello", "hi", "hey", "good morning", "good afternoon", "good evening"];
        if has_any(&tokens, &greets) {
            return Some(Small::Greeting);
        }
        let grasps = [
            "okay",
            "right",
            "alright",
            "all right",
            "i see",
            "got it",
            "great",
            "fine",
            "perfect",
        ];
        if has_any(&tokens, &grasps) {
            return Some(Small::Understood);
        }
    }
    None
}

fn wants_person(tokens: &[String]) -> bool {
    if has_any(
        tokens,
        &["not want to talk", "not want to speak", "do not put me", "do not transfer"],
    ) {
        return false;
    }
    let alone: Vec<&str> = tokens
        .iter()
        .map(String::as_str)
        .filter(|token| !["a", "an", "the", "please", "hello", "i", "want", "need"].contains(token))
        .collect();
    let bare = [
        "person",
        "human",
        "agent",
        "representative",
        "receptionist",
        "operator",
        "someone",
        "reception",
        "manager",
        "front desk",
    ];
    if bare.contains(&alone.join(" ").as_str()) || has_any(tokens, PUT_THROUGH) {
        return true;
    }
    let talk = tokens
        .iter()
        .any(|token| matches!(token.as_str(), "speak" | "talk" | "speaking" | "talking" | "chat"));
    talk && tokens.iter().any(|token| WHOM.contains(&token.as_str()))
}

/// Yes or no, where that is what was said.
pub(super) fn agreed(text: &str) -> Option<bool> {
    let tokens = tokens(text);
    let lead = [
        "oh", "um", "uh", "er", "well", "hmm", "ah", "and", "so", "i", "think", "sorry", "wait",
        "actually", "hello",
    ];
    let from = tokens.iter().position(|token| !lead.contains(&token.as_str()))?;
    let said = &tokens[from..];
    let fine = [
        "that is right",
        "that is correct",
        "that is fine",
        "is right",
        "is correct",
        "no problem",
        "sounds good",
        "that works",
        "is fine",
    ];
    let wrong = [
        "not right",
        "not correct",
        "is wrong",
        "not quite",
        "not really",
        "incorrect",
        "rather not",
        "do not",
        "not now",
        "not at the moment",
        "not today",
        "does not",
    ];
    let first = said[0].as_str();
    if has_any(said, &wrong) {
        return Some(false);
    }
    if matches!(first, "no" | "nope" | "nah" | "not" | "wrong" | "never") {
        // "No, that's right" agrees; "no, that's fine" declines an offer.
        return Some(has_any(said, &["that is right", "that is correct"]));
    }
    let yes = [
        "yes",
        "yeah",
        "yep",
        "yup",
        "ya",
        "sure",
        "correct",
        "right",
        "exactly",
        "absolutely",
        "certainly",
        "definitely",
        "okay",
        "fine",
        "perfect",
        "indeed",
        "great",
        "good",
        "affirmative",
        "alright",
    ];
    if yes.contains(&first)
        || has_any(said, &fine)
        || has_any(
            said,
            &[
                "of course",
                "go ahead",
                "please do",
                "all right",
                "would like that",
                "would love",
                "uh huh",
                "mm hmm",
            ],
        )
        || said.join(" ") == "please"
        || said.join(" ") == "it is"
    {
        return Some(true);
    }
    None
}

/// Does the caller give up what is being arranged?
pub(super) fn gives_up(text: &str) -> bool {
    let tokens = tokens(text);
    has_any(
        &tokens,
        &[
            "never mind",
            "nevermind",
            "forget it",
            "forget about it",
            "forget that",
            "cancel that",
            "cancel it",
            "leave it",
            "do not bother",
            "changed my mind",
            "change my mind",
            "not anymore",
            "do not want to book",
            "no longer want",
            "stop this",
            "let us stop",
            "lets stop",
        ],
    )
}

/// Which of two was chosen, by its place.
pub(super) fn chosen(text: &str) -> Option<usize> {
    let tokens = tokens(text);
    let first = ["first", "former", "one"].iter().find_map(|word| find(&tokens, word));
    let second =
        ["second", "latter", "two", "last one"].iter().find_map(|word| find(&tokens, word));
    match (first, second) {
        (_, Some(_)) => Some(1),
        (Some(_), None) => Some(0),
        (None, None) => None,
    }
}
