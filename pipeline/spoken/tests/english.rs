//! English, by kind: what is written and what is said.

use spoken::Spoken;

fn all_said(language: &str, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(written, expected)| (written, expected, Spoken::of(written, language).text))
        .filter(|(_, expected, said)| said != *expected)
        .map(|(written, expected, said)| format!("{written}\n  meant {expected}\n  said  {said}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn american(table: &[(&str, &str)]) {
    all_said("en-US", table);
}

fn british(table: &[(&str, &str)]) {
    all_said("en-GB", table);
}

#[test]
fn money() {
    american(&[
        ("A cleaning is $95.", "A cleaning is ninety-five dollars."),
        (
            "It costs $1,250.50 now",
            "It costs one thousand two hundred fifty dollars and fifty cents now",
        ),
        ("$1,299.50", "one thousand two hundred ninety-nine dollars and fifty cents"),
        ("about $2 million.", "about two million dollars."),
        ("£3m or $1.5bn", "three million pounds or one point five billion dollars"),
        ("€5, €1", "five euros, one euro"),
        ("99¢ or ¥500", "ninety-nine cents or five hundred yen"),
        ("$0.99 and $1.01", "ninety-nine cents and one dollar and one cent"),
        ("£1.01", "one pound and one penny"),
        ("a $5-10 copay", "a five to ten dollars copay"),
        ("from $5–$10", "from five to ten dollars"),
        ("$20/hr, $99/month", "twenty dollars per hour, ninety-nine dollars per month"),
        ("5 USD or 20 EUR.", "five dollars or twenty euros."),
        ("5€", "five euros"),
        ("-$5", "minus five dollars"),
        ("US$12345", "twelve thousand three hundred forty-five dollars"),
        ("$50+ a day", "fifty dollars plus a day"),
        ("$10k", "ten thousand dollars"),
    ]);
}

#[test]
fn dates() {
    american(&[
        ("March 3, 2026", "March third, twenty twenty-six"),
        ("on 3/14/2026", "on March fourteenth, twenty twenty-six"),
        ("2026-11-21", "November twenty-first, twenty twenty-six"),
        ("11/21/2026.", "November twenty-first, twenty twenty-six."),
        ("21/11/2026", "November twenty-first, twenty twenty-six"),
        ("21.11.2026", "November twenty-first, twenty twenty-six"),
        ("on Dec. 25, or Jan 1st", "on December twenty-fifth, or January first"),
        ("Nov 21", "November twenty-first"),
        ("Sat, Nov. 21, 2026", "Sat, November twenty-first, twenty twenty-six"),
        ("21 November 2026", "the twenty-first of November, twenty twenty-six"),
        ("the 5th May", "the fifth of May"),
        ("Nov 21–23", "November twenty-first to twenty-third"),
        ("on 11/21 or Mon 1/2", "on November twenty-first or Mon January second"),
        ("in November 2026", "in November twenty twenty-six"),
        ("Mon-Fri, or Sat–Sun", "Monday to Friday, or Saturday to Sunday"),
        ("since 1905, in 2000", "since nineteen oh five, in two thousand"),
        ("the 1990s", "the nineteen nineties"),
        ("from 1999 to 2005", "from nineteen ninety-nine to two thousand five"),
        ("2019–2026", "twenty nineteen to twenty twenty-six"),
    ]);
    british(&[
        ("11/12/2026", "the eleventh of December, twenty twenty-six"),
        ("on the 21/11/2026", "on the twenty-first of November, twenty twenty-six"),
        ("2026-11-21", "the twenty-first of November, twenty twenty-six"),
        ("on 5/6", "on the fifth of June"),
        ("21 Nov.", "the twenty-first of November."),
    ]);
}

#[test]
fn times() {
    american(&[
        ("Open 8:00 to 17:30", "Open eight o'clock to seventeen thirty"),
        ("at 8:05pm, or 9am?", "at eight oh five P.M., or nine A.M.?"),
        ("It ends at 5 p.m.", "It ends at five P.M."),
        ("At 9:00 a.m., please", "At nine A.M., please"),
        ("9 a.m. on Friday", "nine A.M. on Friday"),
        ("from 9am-1pm.", "from nine A.M. to one P.M."),
        ("9-5pm", "nine to five P.M."),
        ("9–17", "nine to seventeen"),
        ("9:00 – 17:00", "nine to seventeen hundred"),
        ("14:05", "fourteen oh five"),
        ("9:30", "nine thirty"),
        ("at 0:00", "at midnight"),
        ("at 12:00", "at twelve o'clock"),
        ("24/7", "twenty-four seven"),
    ]);
}

#[test]
fn telephones() {
    american(&[
        ("Call 555-0142.", "Call five five five, zero one four two."),
        ("Call (617) 555-0142.", "Call six one seven, five five five, zero one four two."),
        ("+16175550142", "plus one, six one seven, five five five, zero one four two"),
        (
            "+1 (415) 555-0100, ext. 5",
            "plus one, four one five, five five five, zero one zero zero, extension five",
        ),
        ("415 555 0100", "four one five, five five five, zero one zero zero"),
        ("415.555.0100", "four one five, five five five, zero one zero zero"),
        (
            "8 800 555-35-35 is it",
            "eight, eight zero zero, five five five, three five, three five is it",
        ),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("rooms 100 200 300", "rooms one hundred two hundred three hundred"),
    ]);
}

#[test]
fn addresses() {
    american(&[
        ("anna@example.com", "anna at example dot com"),
        ("mail a.b@c-d.com", "mail a dot b at c dash d dot com"),
        ("anna_b21@mail.co.uk.", "anna underscore b two one at mail dot co dot U K."),
        ("see https://www.example.com/", "see example dot com"),
        ("at example.com/book?x=1&y=2, or", "at example dot com slash book, or"),
        ("www.my-clinic.health", "my dash clinic dot health"),
        ("Hello.World", "Hello.World"),
    ]);
}

#[test]
fn units() {
    american(&[
        ("take 500 mg, 1 ml.", "take five hundred milligrams, one milliliter."),
        (
            "23 °F or -5°C or 90°",
            "twenty-three degrees Fahrenheit or minus five degrees Celsius or ninety degrees",
        ),
        ("a 20% rise, 5 % off", "a twenty percent rise, five percent off"),
        ("5km away", "five kilometers away"),
        ("5 kg, 10 km/h, 3 GB", "five kilograms, ten kilometers per hour, three gigabytes"),
        ("10–15 min. wait", "ten to fifteen minutes wait"),
        ("3.5 miles", "three point five miles"),
        ("15 mg/kg", "fifteen milligrams per kilogram"),
        ("2½ hrs", "two and a half hours"),
        ("100 Mbps and 20 m²", "one hundred megabits per second and twenty square meters"),
        ("~5 minutes, <10 kg", "about five minutes, less than ten kilograms"),
    ]);
}

#[test]
fn numbers() {
    american(&[
        ("the 21st, the 1ST", "the twenty-first, the first"),
        ("rooms 8-6", "rooms eight to six"),
        ("1600 Pennsylvania Avenue", "sixteen hundred Pennsylvania Avenue"),
        ("1/2 hour, 3/4", "one half hour, three quarters"),
        ("1 1/2 cups", "one and a half cups"),
        ("½ price", "one half price"),
        ("1,200 people", "one thousand two hundred people"),
        ("-7 and 0.25", "minus seven and zero point two five"),
        ("1,000,000", "one million"),
        ("10000 or 250000", "ten thousand or two hundred fifty thousand"),
        ("90210", "nine zero two one zero"),
        ("18+ and 3:1", "eighteen plus and three to one"),
        ("Chapter IV, Louis XIV", "Chapter four, Louis the fourteenth"),
        ("version 2.0.1", "version two point zero point one"),
        ("1,2,3", "one, two, three"),
        (
            "99999999999999999999",
            "nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine nine, nine nine",
        ),
    ]);
    british(&[("105 or 1,250", "one hundred and five or one thousand two hundred and fifty")]);
}

#[test]
fn codes() {
    american(&[
        ("order A1B2", "order A one B two"),
        ("code AB12-C345", "code A B one two, C three four five"),
        ("vitamin B12", "vitamin B twelve"),
        ("covid-19", "covid nineteen"),
        ("code 004721", "code zero zero four seven two one"),
        ("order #4711", "order number four seven one one"),
        ("#5", "number five"),
        ("Your code is 1234.", "Your code is one two three four."),
        ("ticket 12345678", "ticket one two three, four five six, seven eight"),
        ("flight MH370", "flight M H three seven zero"),
    ]);
}

#[test]
fn words_and_signs() {
    american(&[
        ("Dr. Lee & Mrs. Ray", "doctor Lee and missus Ray"),
        ("12 River St. is near", "twelve River street is near"),
        ("St. Mary's on 5 Oak Dr. today", "saint Mary's on five Oak drive today"),
        ("1200 N. Main St., Suite 4", "twelve hundred N. Main street, Suite four"),
        ("1/2 tablet 2x/day", "one half tablet two times per day"),
        ("No. 5", "number five"),
        ("I said no.", "I said no."),
        ("fruit, e.g. apples", "fruit, for example apples"),
        ("Acme Inc. We sell", "Acme incorporated. We sell"),
        ("**bold** [link]", "bold link"),
        ("Press # or *.", "Press pound or star."),
        ("dial *72", "dial star seven two"),
        ("and/or", "and or"),
        ("Wait — what?", "Wait, what?"),
        ("yes—no", "yes, no"),
        ("our FAQs, the TV, NASA", "our F A Qs, the T V, NASA"),
        ("R&D @home #sale 2 + 2 = 4", "R and D at home hash sale two plus two equals four"),
        ("Call us (toll free) today", "Call us, toll free, today"),
        ("He said “yes”...", "He said yes…"),
        ("it’s 'OK'", "it's OK"),
        ("w/ milk, w/o sugar", "with milk, without sugar"),
        ("Is it 3 < 4?", "Is it three less than four?"),
        ("Yes , we do !", "Yes, we do!"),
    ]);
    british(&[("press #", "press hash")]);
}

#[test]
fn markup_goes_in_any_language() {
    all_said(
        "de-DE",
        &[
            ("**Ja**, am 3. Mai <b>&", "Ja, am 3. Mai b"),
            ("👋 Guten Tag – «bitte»", "Guten Tag, bitte"),
        ],
    );
}
