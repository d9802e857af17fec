//! Calls with the local agent, told as transcripts. What the agent heard is all it has: it keeps
//! nothing between its replies.

mod agent_support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use agent_support::{
    Call, agent, caller, guidance, reply, request, riverside, said, telephone, tool,
};
use serde_json::json;
use vendors::{
    BoxFuture, Llm, Message, Problem, ToolCall, VendorError,
    local::{
        Local, LocalOptions,
        agent::{Agent, BadPlaybook, Embedder, Playbook},
        models::{self, Part},
    },
};

const NAME: &str = "May I have your name, please?";
const TIME: &str = "What day and time would suit you?";
const ELSE: &str = "Is there anything else I can help you with?";

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in {text:?}");
}

/// The call of the demonstration.
async fn whole_call(agent: Arc<dyn Llm>) {
    let mut call = Call::with(agent, telephone());
    let hours = call.says("Hello, what are your opening hours on Friday?").await;
    has(&hours.text, "from eight in the morning until six in the evening");
    assert!(hours.pieces > 3, "it is streamed in groups of words");

    has(&call.says("Do you accept dental insurance?").await.text, "Delta Dental");
    call.cut_to(12);
    let price = call.says("Sorry, wait, how much does a cleaning cost?").await;
    has(&price.text, "ninety five dollars");
    has(&call.says("Is there parking near the clinic?").await.text, "behind the clinic");

    has(&call.says("I would like to book an appointment.").await.text, NAME);
    let named = call.says("My name is Daniel Carter.").await.text;
    assert_eq!(named, format!("Thank you, Daniel Carter. {TIME}"));
    let read_back = call.says("Next Tuesday at three in the afternoon, please.").await.text;
    has(&read_back, "I have Daniel Carter, next Tuesday at three in the afternoon. Is that right?");
    let done = call.says("Yes, please.").await.text;
    has(&done, "I have noted your request for next Tuesday at three in the afternoon");
    has(&done, ELSE);

    let bye = call.says("Thank you, that is all. Goodbye.").await;
    has(&bye.text, "Goodbye");
    assert_eq!(bye.calls.len(), 1);
    assert_eq!(bye.calls[0].name, "end_call");
    assert_eq!(bye.calls[0].arguments, json!({}));
}

#[tokio::test]
async fn a_whole_call() {
    whole_call(Arc::new(agent())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_call_by_meaning() {
    let Some(dir) = models::for_tests() else { return };
    let parts = [Part::Embeddings];
    let local = Local::open_parts(dir, &LocalOptions::default(), &parts).expect("the models load");
    let agent = local.agent(riverside()).expect("the playbook is sound");
    agent.check().await.expect("the model works");
    whole_call(agent).await;
}

#[tokio::test]
async fn the_recogniser_may_lose_case_and_marks() {
    let mut call = Call::begin();
    let hours = call.says("hello what are your opening hours on friday").await;
    has(&hours.text, "Monday to Friday");
    has(&call.says("sorry wait how much does a cleaning cost").await.text, "ninety five dollars");
    has(&call.says("i would like to book an appointment").await.text, NAME);
    has(&call.says("my name is daniel carter").await.text, "Daniel Carter");
    let read_back = call.says("next tuesday at three in the afternoon please").await.text;
    has(&read_back, "next Tuesday at three in the afternoon. Is that right?");
    has(&call.says("yes please").await.text, "I have noted");
    assert_eq!(call.says("thank you that is all goodbye").await.calls[0].name, "end_call");
}

#[tokio::test]
async fn a_question_amid_a_task_is_answered_and_the_task_goes_on() {
    let mut call = Call::begin();
    call.says("Can I make an appointment?").await;
    let parking = call.says("Wait, is there parking near you?").await.text;
    has(&parking, "behind the clinic");
    assert!(parking.ends_with(NAME), "{parking}");
    has(&call.says("Anna Lee").await.text, "Thank you, Anna Lee.");
    let hours = call.says("Are you open on Saturday?").await.text;
    has(&hours, "On Saturday we are open from nine");
    assert!(hours.ends_with(TIME), "{hours}");
    has(&call.says("Saturday at ten then").await.text, "Anna Lee, Saturday at ten. Is that right?");
    let pay = call.says("Can I pay in cash?").await.text;
    has(&pay, "in cash");
    has(&pay, "Anna Lee, Saturday at ten. Is that right?");
    has(&call.says("Yes.").await.text, "I have noted your request for Saturday at ten");
}

#[tokio::test]
async fn what_was_read_back_is_corrected() {
    let mut call = Call::begin();
    call.says("I'd like to book an appointment").await;
    call.says("Daniel Carter").await;
    call.says("Next Tuesday at three in the afternoon").await;
    let four = call.says("No, at four.").await.text;
    has(&four, "Daniel Carter, next Tuesday at four in the afternoon. Is that right?");
    let asked = call.says("No.").await.text;
    has(&asked, "What should I change?");
    has(&call.says("The name").await.text, NAME);
    let renamed = call.says("David Carter").await.text;
    has(&renamed, "David Carter, next Tuesday at four in the afternoon. Is that right?");
    let moved = call.says("Actually, make it Wednesday").await.text;
    has(&moved, "David Carter, Wednesday at four in the afternoon. Is that right?");
    has(&call.says("That's right").await.text, "Thank you, David Carter.");
}

#[tokio::test]
async fn half_a_time_is_completed() {
    let mut call = Call::begin();
    call.says("I want to book a cleaning, my name is Ada King").await;
    has(&call.says("On Thursday").await.text, "And at what time?");
    has(&call.says("Half past nine").await.text, "Ada King, Thursday at half past nine.");
    let whole = "Could I book an appointment for tomorrow morning? My name is Ada King.";
    let mut call = Call::begin();
    has(&call.says(whole).await.text, "I have Ada King, tomorrow in the morning. Is that right?");
}

#[tokio::test]
async fn a_question_of_the_agent_that_was_cut_short_still_stands() {
    for heard in [2, 4, 5, 7, 9] {
        let mut call = Call::begin();
        call.says("I would like to book an appointment.").await;
        call.cut_to(heard);
        let next = call.says("My name is Daniel Carter.").await.text;
        has(&next, &format!("Thank you, Daniel Carter. {TIME}"));
        for words in [2, 5, 8] {
            let mut again = Call::begin();
            again.history = call.history.clone();
            again.cut_to(words);
            let read_back = again.says("Next Tuesday at three").await.text;
            has(&read_back, "I have Daniel Carter, next Tuesday at three. Is that right?");
            again.cut_to(3);
            has(&again.says("Yes").await.text, "I have noted");
        }
    }
    // None of it was heard: both turns of the caller are one.
    let both = "I would like to book an appointment. My name is Daniel Carter.";
    has(&Call::begin().says(both).await.text, TIME);
}

#[tokio::test]
async fn a_task_can_be_given_up() {
    let mut call = Call::begin();
    call.says("I would like to book an appointment").await;
    let left = call.says("Oh, never mind.").await.text;
    has(&left, "left that");
    has(&call.says("Where are you located?").await.text, "twenty four Riverside Avenue");
    let bye = call.says("No, thank you.").await;
    has(&bye.text, "anything else");
    let bye = call.says("No, thanks.").await;
    assert_eq!(bye.calls[0].name, "end_call");
}

#[tokio::test]
async fn a_person_is_asked_for() {
    for wish in [
        "Can I speak to a person?",
        "i want to talk to someone real",
        "Representative.",
        "could you put me through to the front desk",
    ] {
        let mut call = Call::begin();
        let reply = call.says(wish).await;
        has(&reply.text, "put you through");
        assert_eq!(reply.calls[0].name, "transfer", "{wish}");
        assert!(reply.calls[0].arguments["reason"].is_string());
    }
}

#[tokio::test]
async fn where_nobody_can_be_reached_a_message_is_taken() {
    let mut call = Call::with(Arc::new(agent()), vec![tool("end_call")]);
    let reply = call.says("Can I speak to a person?").await;
    assert!(reply.calls.is_empty());
    has(&reply.text, "nobody is available");
    has(&reply.text, "leave a message?");
    has(&call.says("Yes, please").await.text, "Who is the message from?");
    has(&call.says("Daniel Carter").await.text, "What number");
    let number = "four one five, five five five, oh one double one";
    has(&call.says(number).await.text, "What is your message?");
    let read_back = call.says("Please ask Doctor Marsh whether my crown is ready").await.text;
    has(&read_back, "on four one five, five five five, zero one one one:");
    has(&read_back, "Please ask Doctor Marsh whether my crown is ready. Is that right?");
    has(&call.says("Yes").await.text, "I have noted your message.");
}

#[tokio::test]
async fn what_is_not_known_is_owned_up_to() {
    let mut call = Call::begin();
    let unsure = call.says("Do you sell bicycles?").await;
    has(&unsure.text, "I'm not sure about that.");
    has(&unsure.text, "Would you like me to put you through");
    assert!(unsure.calls.is_empty());
    assert_eq!(call.says("Yes please.").await.calls[0].name, "transfer");

    let mut call = Call::begin();
    call.says("Do you sell bicycles?").await;
    has(&call.says("No, that's fine.").await.text, "All right.");

    // An answer of the playbook may end with the same offer.
    let mut call = Call::begin();
    has(&call.says("I need to cancel my appointment").await.text, "forty dollars");
    assert_eq!(call.says("Yes please.").await.calls[0].name, "transfer");

    let mut call = Call::with(Arc::new(agent()), Vec::new());
    let unsure = call.says("Do you sell bicycles?").await.text;
    has(&unsure, "I'm not sure about that.");
    has(&unsure, "take a message");
    has(&call.says("Then take a message, please").await.text, "Who is the message from?");
}

#[tokio::test]
async fn two_questions_get_two_answers() {
    let mut call = Call::begin();
    let both = call.says("Do you take insurance and is there parking near the clinic?").await.text;
    has(&both, "Delta Dental");
    has(&both, "behind the clinic");
    let both = call.says("Is there parking? And I would like to book an appointment.").await.text;
    has(&both, "behind the clinic");
    assert!(both.ends_with(NAME), "{both}");
}

#[tokio::test]
async fn a_follow_up_leans_on_what_came_before() {
    let mut call = Call::begin();
    call.says("What time do you open on Monday?").await;
    has(&call.says("And on Saturday?").await.text, "On Saturday we are open from nine");
    has(&call.says("What about children?").await.text, "we see children");
    call.says("How much is a cleaning?").await;
    has(&call.says("and whitening?").await.text, "two hundred and fifty dollars");
}

#[tokio::test]
async fn it_says_again_what_was_said() {
    let mut call = Call::begin();
    let first = call.says("Is there parking near the clinic?").await.text;
    assert_eq!(call.says("Sorry, could you repeat that?").await.text, first);
    // Cut short by the question itself: the whole answer is given.
    call.cut_to(6);
    assert_eq!(call.says("Sorry, what was that?").await.text, first);

    let mut call = Call::begin();
    let asked = call.says("I want to book an appointment").await.text;
    assert_eq!(call.says("Pardon?").await.text, asked);
    has(&call.says("Ada King").await.text, "Thank you, Ada King.");
}

#[tokio::test]
async fn small_talk() {
    for (heard, told) in [
        ("Hello?", "How can I help you?"),
        ("Hi, how are you today?", "very well"),
        ("Are you a robot?", "automated assistant"),
        ("Am I talking to a real person?", "automated assistant"),
        ("Can you hear me?", "I can hear you"),
        ("Hold on a second", "take your time"),
        ("Thank you very much", "You're welcome."),
        ("What can you help me with?", "our opening hours"),
        ("um", "say that again"),
        ("", "say that again"),
    ] {
        let mut call = Call::begin();
        let reply = call.says(heard).await;
        has(&reply.text, told);
        assert!(reply.calls.is_empty(), "{heard}: {reply:?}");
    }
    let mut call = Call::begin();
    call.tools.clear();
    let bye = call.says("Goodbye").await;
    has(&bye.text, "Goodbye");
    assert!(bye.calls.is_empty(), "what is not offered is not called");
}

#[tokio::test]
async fn small_talk_amid_a_task_leaves_it_standing() {
    let mut call = Call::begin();
    call.says("I want to book an appointment").await;
    let robot = call.says("Are you a robot?").await.text;
    assert!(robot.ends_with(NAME), "{robot}");
    assert_eq!(call.says("Hello?").await.text, format!("Hello. {NAME}"));
    call.says("Hang on").await;
    has(&call.says("It's Ada King").await.text, "Thank you, Ada King.");
    call.history.push(said("Are you still there?"));
    has(&call.says("Friday at nine").await.text, "Ada King, Friday at nine.");
}

#[tokio::test]
async fn after_three_misses_a_person_is_offered() {
    let mut call = Call::begin();
    call.says("I want to book an appointment").await;
    for _ in 0..2 {
        let again = call.says("the the").await.text;
        has(&again, "did not catch that");
        assert!(again.ends_with(NAME), "{again}");
    }
    has(&call.says("the the").await.text, "put you through");
    assert_eq!(call.says("yes").await.calls[0].name, "transfer");
}

#[tokio::test]
async fn a_confirmed_task_calls_its_function_and_tells_what_came_of_it() {
    let mut tools = telephone();
    tools.push(tool("book_appointment"));
    let mut call = Call::with(Arc::new(agent()), tools);
    call.says("I want to book an appointment").await;
    call.says("Ada King").await;
    call.says("Friday at nine").await;
    let confirmed = call.says("Yes").await;
    let [booking] = &confirmed.calls[..] else { panic!("{confirmed:?}") };
    assert_eq!(booking.name, "book_appointment");
    assert_eq!(booking.arguments, json!({"name": "Ada King", "time": "Friday at nine"}));
    let before = call.history.clone();

    let same = request(before[..before.len() - 1].to_vec(), call.tools.clone());
    let again = reply(&agent(), same).await;
    assert_eq!(again.calls[0].id, booking.id, "the same history calls the same thing");

    let answer =
        |content: &str| Message::Tool { call_id: booking.id.clone(), content: content.to_owned() };
    call.history.push(answer(r#"{"ok": true}"#));
    let done = call.answers().await;
    has(&done.text, "Thank you, Ada King. I have noted your request for Friday at nine");
    assert!(done.calls.is_empty());

    for failure in ["Failed: no answer in time.", r#"{"error": "fully booked"}"#] {
        call.history = before.clone();
        call.history.push(answer(failure));
        let failed = call.answers().await;
        has(&failed.text, "nothing has been arranged");
        has(&failed.text, "put you through");
        assert_eq!(call.says("yes").await.calls[0].name, "transfer");
    }

    // The caller spoke before the function had answered: what became of it is told first.
    call.history = before.clone();
    call.history.push(answer("Not finished: the caller spoke before it answered."));
    let told = call.says("Is there parking near the clinic?").await.text;
    assert!(told.find("nothing has been arranged") < told.find("behind the clinic"), "{told}");
}

#[tokio::test]
async fn guidance_to_tell_something_is_told_once() {
    let mut call = Call::begin();
    call.history.push(caller("Is there parking near the clinic?"));
    call.history.push(guidance("Tell the caller that we have a free slot today"));
    call.history.push(guidance("Be a little warmer."));
    let told = call.answers().await.text;
    has(&told, "behind the clinic");
    assert!(told.ends_with("We have a free slot today."), "{told}");
    let next = call.says("How much is a cleaning?").await.text;
    assert!(!next.contains("slot"), "{next}");

    // It stands before a question, so that the question is the last thing heard.
    call.history.push(caller("I'd like to book an appointment"));
    call.history.push(guidance("offer a ten percent discount"));
    let asked = call.answers().await.text;
    has(&asked, "I can offer you a ten percent discount.");
    assert!(asked.ends_with(NAME), "{asked}");
    call.history.push(guidance("Mention that parking is free"));
    assert_eq!(call.answers().await.text, "Parking is free.");
}

#[tokio::test]
async fn it_continues_what_another_model_could_not_finish() {
    let mut call = Call::begin();
    let whole = call.says("Is there parking near the clinic?").await.text;
    call.cut_to(4);
    let go_on = "Your last answer broke off after these words. Continue it from there without \
                 repeating anything.";
    call.history.push(guidance(go_on));
    let Some(Message::Agent { text: begun, .. }) = call.history.iter().rev().nth(1).cloned() else {
        panic!("the agent spoke");
    };
    let rest = call.answers().await.text;
    assert_eq!(format!("{begun} {rest}"), whole);

    let mut call = Call::begin();
    call.history.extend([
        caller("How much is a cleaning?"),
        said("Let me see, a cleaning is"),
        guidance(go_on),
    ]);
    has(&call.answers().await.text, "ninety five dollars");
}

#[tokio::test]
async fn keys_choose_what_was_offered() {
    let mut call = Call::begin();
    let menu = "For parking, press one. For insurance, press two. Press 0 to speak to a person.";
    call.history = vec![said(menu)];
    has(&call.says("(pressed 2)").await.text, "Delta Dental");
    call.history = vec![said(menu)];
    has(&call.says("(pressed 1)").await.text, "behind the clinic");
    call.history = vec![said(menu)];
    assert_eq!(call.says("(pressed 0)").await.calls[0].name, "transfer");
    has(&Call::begin().says("(pressed 7)").await.text, "I'm not sure");

    let mut call = Call::begin();
    call.says("I want to leave a message").await;
    call.says("Ada King").await;
    has(&call.says("(pressed 4155550111)").await.text, "What is your message?");
}

#[tokio::test]
async fn near_ties_are_asked_about() {
    let book: Playbook = toml::from_str(
        r#"
        [[answers]]
        topic = "bikes for the town"
        ask = ["Which bikes do you rent?"]
        say = "Town bikes are ten dollars."
        [[answers]]
        topic = "bikes for the mountains"
        ask = ["Which bikes do you rent?"]
        say = "Mountain bikes are twenty dollars."
        "#,
    )
    .expect("a playbook");
    let agent = Agent::without_models(book).expect("sound");
    for (choice, told) in [
        ("The second one", "Mountain bikes"),
        ("the town, please", "Town bikes"),
        ("for the mountains", "Mountain bikes"),
    ] {
        let mut call = Call::with(Arc::new(agent.clone()), telephone());
        let asked = call.says("Can my cousin rent bikes?").await.text;
        let wanted = "Do you mean bikes for the town, or bikes for the mountains?";
        assert_eq!(asked, wanted);
        has(&call.says(choice).await.text, told);
    }
}

#[tokio::test]
async fn a_call_begun_by_another_model_is_taken_over() {
    let tools = telephone();
    let call = ToolCall { id: "x".into(), name: "lookup".into(), arguments: json!({}) };
    let history = vec![
        caller("hi there"),
        Message::Agent { text: "Hello! What can I do for you?".into(), tool_calls: vec![call] },
        Message::Tool { call_id: "x".into(), content: "nothing found".into() },
        said("Tell me more."),
        caller("do you treat children"),
    ];
    has(&reply(&agent(), request(history, tools)).await.text, "we see children");
    assert!(!reply(&agent(), request(Vec::new(), Vec::new())).await.text.is_empty());
}

/// An embedder that fails once its phrasings are made.
struct Failing(AtomicUsize);

impl Embedder for Failing {
    fn embed<'a>(
        &'a self,
        texts: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<Vec<f32>>, VendorError>> {
        Box::pin(async move {
            let prepared = 1_000;
            if self.0.fetch_add(texts.len(), Ordering::Relaxed) < prepared && texts.len() > 1 {
                return Ok(vec![vec![1.0, 0.0]; texts.len()]);
            }
            Err(VendorError {
                vendor: "local",
                attempt: "compare meanings",
                problem: Problem::Engine("overloaded".into()),
                request_id: None,
            })
        })
    }
}

#[tokio::test]
async fn without_its_embedder_it_answers_by_words_in_the_same_reply() {
    let mut playbook = riverside();
    playbook.tasks.clear();
    let failing = Arc::new(Failing(AtomicUsize::new(0)));
    let agent = Agent::with_embedder(playbook, failing).expect("sound");
    let mut call = Call::with(Arc::new(agent), telephone());
    for _ in 0..2 {
        has(&call.says("Is there parking near the clinic?").await.text, "behind the clinic");
    }
}

#[tokio::test]
async fn a_dropped_reply_ends() {
    let agent = agent();
    let stream = agent.answer(request(vec![caller("Do you accept insurance?")], telephone()));
    let events = stream.events;
    drop(stream.work);
    // The work holds the other end: it closes when the work is gone.
    let mut events = events;
    while events.recv().await.is_some() {}
}

#[test]
fn playbooks_that_cannot_be_meant_are_refused() {
    let mut book = riverside();
    assert_eq!(book.check(), Ok(()));
    book.tasks[0].confirm = "I have {nothing}.".into();
    let wrong = BadPlaybook::NoSuchSlot { task: "book_appointment".into(), slot: "nothing".into() };
    assert_eq!(book.check(), Err(wrong));
    let error = Agent::without_models(book).map(|_| ()).expect_err("refused");
    assert!(error.to_string().contains("could not read the playbook"), "{error}");

    let mut book = riverside();
    book.tasks[0].name = "transfer".into();
    assert_eq!(book.check(), Err(BadPlaybook::Reserved("transfer".into())));
    let mut book = riverside();
    book.answers[0].say = " ".into();
    assert!(matches!(book.check(), Err(BadPlaybook::Length { .. })));
    let mut book = riverside();
    book.tasks.push(book.tasks[0].clone());
    assert!(matches!(book.check(), Err(BadPlaybook::Twice { .. })));
    assert!(toml::from_str::<Playbook>("answer = []").is_err(), "unknown fields are refused");
}

#[test]
fn the_facts_are_plain_text() {
    let facts = riverside().facts();
    has(&facts, "Q: Is there parking near the clinic?\nA: Yes, there is a car park");
    has(&facts, "May I have your name, please? What day and time would suit you?");
    has(&facts, "book_appointment");
    assert_eq!(Playbook::default().facts(), "");
}
