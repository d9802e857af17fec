//! How often the local agent finds the right answer of the demonstration's business, and how often it
//! answers what it cannot know. The questions are put otherwise than in the playbook. They are public
//! for the same measurement by meaning.

pub mod agent_support;

use agent_support::{agent, caller, reply, request, riverside, telephone};
use vendors::{Llm, local::agent::Playbook};

/// What a caller asks, and the topic of the answer that is right; `book` stands for the task.
pub const ASKED: &[(&str, &str)] = &[
    ("our opening hours", "Hello, what are your opening hours on Friday?"),
    ("our opening hours", "when do you guys open up on weekdays"),
    ("our opening hours", "How late can I come by on a Thursday?"),
    ("our opening hours", "until what time are you there tonight?"),
    ("the weekend", "are you around on saturdays"),
    ("the weekend", "Do you also open Sunday mornings?"),
    ("public holidays", "Are you open over Christmas?"),
    ("where we are", "Could you tell me where exactly you are?"),
    ("where we are", "What's the street address, please?"),
    ("where we are", "how do i find you"),
    ("where we are", "Which bus takes me to you?"),
    ("parking", "Is there parking near the clinic?"),
    ("parking", "Where do I leave the car when I visit?"),
    ("parking", "can i park for free"),
    ("insurance", "Do you accept dental insurance?"),
    ("insurance", "I've got a Cigna plan, is that okay with you?"),
    ("insurance", "is my insurer in your network"),
    ("insurance", "Will Delta Dental pay for this?"),
    ("the price of a cleaning", "Sorry, wait, how much does a cleaning cost?"),
    ("the price of a cleaning", "what would i pay for a cleaning"),
    ("the price of a cleaning", "What's the charge for the hygienist?"),
    ("the price of a check up", "How much is it for an exam?"),
    ("our prices", "What would a filling set me back, what is the cost?"),
    ("our prices", "how expensive are crowns"),
    ("our prices", "could you tell me your prices please"),
    ("an emergency", "My son knocked out his front tooth, what do we do?"),
    ("an emergency", "I've got this awful tooth pain since last night"),
    ("an emergency", "a piece of my tooth broke off"),
    ("an emergency", "it's urgent, my gum is swollen"),
    ("cancelling or moving an appointment", "I have to call off my appointment, can I cancel?"),
    ("cancelling or moving an appointment", "Can we move my appointment to next week?"),
    ("cancelling or moving an appointment", "what does it cost if i cancel too late"),
    ("running late", "I'm stuck on the bus and will be about ten minutes late"),
    ("how to pay", "Do you take Visa?"),
    ("how to pay", "can i pay with cash"),
    ("how to pay", "Is it possible to pay in monthly instalments?"),
    ("children", "Do you look after children too?"),
    ("children", "My daughter is four, do you see kids that young?"),
    ("children", "how old should a baby be for the first dentist visit"),
    ("whitening", "I want whiter teeth, is that something you do?"),
    ("whitening", "what's the price for bleaching"),
    ("joining as a new patient", "We just moved here, do you take on new patients?"),
    ("joining as a new patient", "how can i sign up as a patient"),
    ("the first visit", "What should I have with me the first time?"),
    ("the first visit", "What will you do at my first visit?"),
    ("x-rays", "Will you have to take x-rays?"),
    ("x-rays", "are x rays dangerous"),
    ("the forms", "Is there paperwork I can do beforehand online?"),
    ("the forms", "where do i get the forms for new patients"),
    ("wheelchair access", "My husband is in a wheelchair, can he get inside?"),
    ("wheelchair access", "do you have an elevator"),
    ("fear of the dentist", "I'm really scared of dentists"),
    ("fear of the dentist", "is it going to hurt"),
    ("our dentists", "Which dentists do you have?"),
    ("braces", "Could I get Invisalign with you?"),
    ("implants", "I've lost a tooth, can it be replaced?"),
    ("book", "I would like to book an appointment."),
    ("book", "could i schedule an appointment for next week"),
    ("book", "I need to come in for a cleaning, can I get a time?"),
    ("book", "any chance of an appointment tomorrow"),
];

/// As above; nothing was ever adjusted to these.
pub const UNSEEN: &[(&str, &str)] = &[
    ("our opening hours", "What time does the practice shut on Wednesdays?"),
    ("our opening hours", "are you still open at half past five"),
    ("our opening hours", "Could you let me know your business hours?"),
    ("our opening hours", "How early can I be seen during the week?"),
    ("the weekend", "Is anyone there on Sundays?"),
    ("the weekend", "until when are you open saturday"),
    ("public holidays", "will you be closed on the Fourth of July holiday"),
    ("where we are", "What part of town are you in?"),
    ("where we are", "i need directions to your place"),
    ("where we are", "Can I reach you by public transport?"),
    ("parking", "Will I find somewhere to put my car?"),
    ("parking", "is there a garage or something for my car"),
    ("insurance", "Do you work with MetLife?"),
    ("insurance", "what insurances do you accept"),
    ("insurance", "Does my health plan cover fillings?"),
    ("the price of a cleaning", "How much to have my teeth cleaned?"),
    ("the price of a cleaning", "cost of a cleaning please"),
    ("the price of a check up", "What is the fee for a checkup?"),
    ("our prices", "How much would a root canal run me?"),
    ("our prices", "what do you charge for pulling a tooth"),
    ("an emergency", "My tooth hurts like crazy, I can't sleep"),
    ("an emergency", "I fell and my tooth is cracked"),
    ("an emergency", "my crown fell out this morning"),
    ("cancelling or moving an appointment", "I can't come tomorrow, I have to cancel"),
    ("cancelling or moving an appointment", "is it possible to change my appointment time"),
    ("cancelling or moving an appointment", "Do you charge for missed appointments?"),
    ("running late", "Traffic is terrible, I won't make it on time, I'm late"),
    ("how to pay", "Do you accept American Express?"),
    ("how to pay", "what forms of payment do you take"),
    ("children", "Can I bring my two kids?"),
    ("children", "are you a family dentist, do you see toddlers"),
    ("whitening", "How much do you charge for whitening my teeth?"),
    ("whitening", "my teeth got yellow from coffee"),
    ("joining as a new patient", "Are you currently accepting patients?"),
    ("joining as a new patient", "I don't have a dentist yet, can I join?"),
    ("the first visit", "It's my first time, what do I have to bring?"),
    ("the first visit", "how long will my first visit be"),
    ("x-rays", "My old dentist has my x-rays, can you use those?"),
    ("the forms", "Do I have to fill out forms before I come?"),
    ("wheelchair access", "Is there a ramp for wheelchairs?"),
    ("wheelchair access", "I can't climb stairs, is that a problem?"),
    ("fear of the dentist", "I get very anxious at the dentist"),
    ("fear of the dentist", "can you knock me out for the procedure"),
    ("our dentists", "Can I see a woman dentist?"),
    ("braces", "My teeth are crooked, can you fix that?"),
    ("implants", "do you do bridges"),
    ("book", "I'd like to set up an appointment"),
    ("book", "Can I get in to see the dentist on Monday?"),
    ("book", "I need an appointment for a check up"),
    ("book", "when is your next available appointment"),
];

/// What no playbook of a clinic answers.
pub const STRANGE: &[&str] = &[
    "What's the weather going to be like tomorrow?",
    "Can you recommend a good pizza place?",
    "Who won the game last night?",
    "How do I reset my router?",
    "Do you sell bicycles?",
    "What is the capital of Australia?",
    "Can you tell me a joke?",
    "I want to order two large pepperoni pizzas",
    "Is my package arriving today?",
    "What's my account balance?",
    "Can you book me a flight to Chicago?",
    "How tall is Mount Everest?",
    "Do you repair phones?",
    "Would you like to buy some solar panels?",
    "Can I adopt a cat from you?",
    "What's the exchange rate of the euro?",
    "Do you do haircuts?",
    "Could you turn on the lights in my living room?",
    "Who is the president?",
    "How many calories are in an apple?",
    "Do you have any jobs going?",
    "My laptop does not start anymore",
];

/// As above; nothing was ever adjusted to these.
pub const UNSEEN_STRANGE: &[&str] = &[
    "Do you have any vegetarian dishes?",
    "Where can I renew my driving licence?",
    "How far is it to the moon?",
    "I'm calling about my electricity bill",
    "Can you change the oil in my truck?",
    "What's on television tonight?",
    "Do you sell concert tickets?",
    "Is the swimming pool heated?",
    "My dog needs a vaccination",
    "How do I cook rice?",
    "What languages are spoken in Canada?",
    "I would like a table for four tonight",
    "Has my tax refund been sent?",
    "Could you translate this into French?",
    "What size shoes do you stock?",
    "Do you offer piano lessons?",
    "When does the next train to Boston leave?",
    "Who wrote Hamlet?",
    "Can I return a sweater without a receipt?",
    "The washing machine is leaking",
];

/// The share that an agent got right of `asked`, and the share that it wrongly answered of `strange`.
pub async fn measure(
    agent: &dyn Llm,
    playbook: &Playbook,
    asked: &[(&str, &str)],
    strange: &[&str],
) -> (f64, f64) {
    let mut right = 0;
    for (topic, question) in asked {
        let heard = reply(agent, request(vec![caller(question)], telephone())).await.text;
        let is_right = match *topic {
            "book" => playbook.tasks[0].slots.iter().any(|slot| heard.contains(&slot.ask)),
            topic => {
                let answer = playbook.answers.iter().find(|a| a.topic.as_deref() == Some(topic));
                heard.contains(&answer.expect("the topic is in the playbook").say)
            }
        };
        if is_right {
            right += 1;
        } else {
            println!("not found: {question:?} ({topic}) -> {heard:?}");
        }
    }
    let mut invented = 0;
    for question in strange {
        let heard = reply(agent, request(vec![caller(question)], telephone())).await;
        if !heard.text.contains(&playbook.small_talk.unsure) {
            invented += 1;
            println!("answered: {question:?} -> {:?}", heard.text);
        }
    }
    let (right, invented) =
        (f64::from(right) / asked.len() as f64, f64::from(invented) / strange.len() as f64);
    println!("right {:.1} %, invented {:.1} %", right * 100.0, invented * 100.0);
    (right, invented)
}

#[tokio::test]
async fn answers_are_found_by_words() {
    let (right, invented) = measure(&agent(), &riverside(), ASKED, STRANGE).await;
    assert!(right >= 0.80, "only {:.1} % found", right * 100.0);
    assert!(invented <= 0.10, "{:.1} % invented", invented * 100.0);
    let (right, invented) = measure(&agent(), &riverside(), UNSEEN, UNSEEN_STRANGE).await;
    assert!(right >= 0.75, "only {:.1} % of the unseen found", right * 100.0);
    assert!(invented <= 0.10, "{:.1} % of the unseen invented", invented * 100.0);
}

/// Every way of asking that the playbook itself gives leads to its answer.
#[tokio::test]
async fn the_playbooks_own_questions_find_their_answers() {
    let (agent, playbook) = (agent(), riverside());
    let (mut asked, mut missed) = (0, Vec::new());
    for answer in &playbook.answers {
        for ask in &answer.ask {
            let heard = reply(&agent, request(vec![caller(ask)], telephone())).await.text;
            asked += 1;
            if !heard.contains(&answer.say) {
                missed.push(format!("{ask:?} -> {heard:?}"));
            }
        }
    }
    assert!(missed.len() * 50 <= asked, "{} of {asked}: {missed:#?}", missed.len());
}
