//! What a good announcer makes of English texts.

use spoken::Spoken;

#[track_caller]
fn announced(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(written, expected)| (written, expected, Spoken::of(written, "en-US").text))
        .filter(|(_, expected, said)| said != *expected)
        .map(|(written, expected, said)| format!("{written}\n  meant {expected}\n  said  {said}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn money() {
    announced(&[
        ("5000 soʻm", "five thousand som"),
        ("50 000 so'm", "fifty thousand som"),
        ("UZS 50,000", "fifty thousand som"),
        ("50,000 UZS", "fifty thousand som"),
        ("₸5,000", "five thousand tenge"),
        ("5,000 ₸", "five thousand tenge"),
        ("5 000 KZT", "five thousand tenge"),
        ("USD 5", "five dollars"),
        ("EUR 20.50", "twenty euros and fifty cents"),
        ("$0.05", "five cents"),
        ("$1.00", "one dollar"),
        ("€5.20", "five euros and twenty cents"),
        ("20 €", "twenty euros"),
        ("£20.01", "twenty pounds and one penny"),
        ("₽500 and 500 ₽", "five hundred rubles and five hundred rubles"),
        ("$3.50/lb", "three dollars and fifty cents per pound"),
        ("CA$20", "twenty dollars"),
        ("$15–$20", "fifteen to twenty dollars"),
        ("$15 - $20", "fifteen to twenty dollars"),
        ("10 USD/day", "ten dollars per day"),
        ("-$20.50", "minus twenty dollars and fifty cents"),
    ]);
}

#[test]
fn dates() {
    announced(&[
        ("3/4", "three quarters"),
        ("3/4 cup", "three quarters cup"),
        ("on 3/4", "on March fourth"),
        ("by 3/4 at 5pm", "by March fourth at five P.M."),
        ("Tuesday, 3/4", "Tuesday, March fourth"),
        ("appointment 3/4", "appointment March fourth"),
        ("for 3/4 at 5", "for March fourth at five"),
        ("from 3/4 to 3/9", "from March fourth to March ninth"),
        ("between 3/4 and 3/9", "between March fourth and March ninth"),
        ("3/4/2026", "March fourth, twenty twenty-six"),
        ("03/04/26", "March fourth, twenty twenty-six"),
        ("Mar. 3", "March third"),
        ("March 3–5, 2026", "March third to fifth, twenty twenty-six"),
        ("2026-03-04T10:00", "March fourth, twenty twenty-six, ten o'clock"),
        ("the 5th of Sep.", "the fifth of September."),
        ("in Jan. we open", "in January we open"),
        ("the '90s, the 1990s", "the nineties, the nineteen nineties"),
    ]);
}

#[test]
fn times() {
    announced(&[
        ("1:30 PM", "one thirty P.M."),
        ("1:30p.m.", "one thirty P.M."),
        ("10 AM–2 PM", "ten A.M. to two P.M."),
        ("3 p.m. - 5 p.m.", "three P.M. to five P.M."),
        ("10:00-11:30am", "ten to eleven thirty A.M."),
        ("5:00–6:30 PM", "five to six thirty P.M."),
        ("noon-1pm", "noon to one P.M."),
        ("7:00 a.m. to 9:00 p.m. daily", "seven A.M. to nine P.M. daily"),
        ("Mon.–Fri. 9–5", "Monday to Friday nine to five"),
        ("Mon – Fri", "Monday to Friday"),
        ("12 p.m.", "twelve P.M."),
        ("24/7", "twenty-four seven"),
        ("1h 30m", "one hour thirty minutes"),
    ]);
}

#[test]
fn telephones_mail_and_web() {
    announced(&[
        ("617-555-0142", "six one seven, five five five, zero one four two"),
        ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
        ("+1 617 555 0142", "plus one, six one seven, five five five, zero one four two"),
        ("Tel: 555-0142", "telephone: five five five, zero one four two"),
        ("911", "nine one one"),
        ("Call 112", "Call one one two"),
        ("x105", "extension one zero five"),
        ("Ext. 105", "extension one zero five"),
        ("john.smith+test@gmail.com", "john dot smith plus test at gmail dot com"),
        ("sales@my-shop.co.uk", "sales at my dash shop dot co dot U K"),
        ("https://www.example.com/path/to?q=1", "example dot com slash path slash to"),
        ("bit.ly/abc", "bit dot ly slash abc"),
        ("klinika.kz", "klinika dot K Z"),
        ("192.168.1.1", "one nine two dot one six eight dot one dot one"),
    ]);
}

#[test]
fn units() {
    announced(&[
        ("98.6°F", "ninety-eight point six degrees Fahrenheit"),
        ("60 mph", "sixty miles per hour"),
        ("1.5 GB", "one point five gigabytes"),
        ("500 mg/day", "five hundred milligrams per day"),
        ("10 sq ft", "ten square feet"),
        ("5 lb 3 oz", "five pounds three ounces"),
        ("5 ft 10 in", "five feet ten inches"),
        ("6'2\"", "six feet two inches"),
        ("5 in. wide", "five inches wide"),
        ("2 tsp", "two teaspoons"),
        ("two 5-lb bags", "two five pound bags"),
        ("5%–10%", "five to ten percent"),
        ("+5%", "plus five percent"),
        ("≥5 or ≤ 5", "at least five or at most five"),
        ("120/80", "one hundred twenty over eighty"),
        ("7 x 3", "seven by three"),
        ("1.2M users", "one point two million users"),
    ]);
}

#[test]
fn ordinals_fractions_and_ranges() {
    announced(&[
        ("1st, 2nd, 3rd, 103rd", "first, second, third, one hundred third"),
        ("1st-3rd", "first to third"),
        ("2 1/2", "two and a half"),
        ("3-1/2 cups", "three and a half cups"),
        ("0.5 and .5", "zero point five and zero point five"),
        ("50/50", "fifty fifty"),
        ("5-7 days", "five to seven days"),
        ("every 4-6 hrs", "every four to six hours"),
        ("pp. 5-7", "pages five to seven"),
        ("-3 and +5", "minus three and plus five"),
    ]);
}

#[test]
fn abbreviations_and_names() {
    announced(&[
        ("Dr. King Dr. is near", "doctor King drive is near"),
        ("123 St. James St. is it", "one hundred twenty-three saint James street is it"),
        ("1st Ave. is here", "first avenue is here"),
        ("No. 7 vs. No. 8", "number seven versus number eight"),
        ("e.g., this, i.e., that", "for example, this, that is, that"),
        ("Mr. & Mrs. Jones", "mister and missus Jones"),
        ("Apt 12, Apt. 4B, Suite #4", "apartment twelve, apartment four B, Suite number four"),
        ("Rte. 9", "route nine"),
        ("Henry VIII, Elizabeth II", "Henry the eighth, Elizabeth the second"),
        ("World War II, Chapter IX", "World War two, Chapter nine"),
        ("Super Bowl LVIII", "Super Bowl fifty-eight"),
    ]);
}

#[test]
fn codes() {
    announced(&[
        ("A12-B7", "A one two, B seven"),
        ("order A12-B7", "order A one two, B seven"),
        ("order A12", "order A one two"),
        ("vitamin B12", "vitamin B twelve"),
        ("Room 12B", "Room twelve B"),
        ("ref XK7-991", "ref X K seven, nine nine one"),
        ("ZIP 02139-1234", "ZIP zero two one three nine, one two three four"),
        ("St. Louis, MO 63101", "saint Louis, Missouri six three one zero one"),
        ("ID 12345", "I D one two three four five"),
        ("Flight BA 249", "Flight B A two four nine"),
    ]);
}

#[test]
fn markup_and_pictures() {
    announced(&[
        ("**bold** and _it_", "bold and it"),
        ("~~gone~~ `code`", "gone code"),
        ("# Prices", "Prices"),
        ("## Prices in May", "Prices in May"),
        ("- item", "item"),
        ("[our site](https://example.com)", "our site, example dot com"),
        ("😀 Hello 👍🏽", "Hello"),
        ("Press # now.", "Press pound now."),
    ]);
}
