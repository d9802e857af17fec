//! What is said in English.

use super::Phrases;
use crate::pattern::Patterns;

pub(super) fn phrases() -> Phrases {
    Phrases {
        person: Patterns::new(PERSON),
        no_person: Patterns::new(NO_PERSON),
        unsure: Patterns::new(UNSURE),
        not_caught: Patterns::new(NOT_CAUGHT),
        apology: Patterns::new("sorry|apologize|apologise|apologies\nregret to|that"),
        said_before: Patterns::new(SAID_BEFORE),
        greeting: Patterns::new(
            "hello|hi|hey|welcome|greetings\ngood morning|afternoon|evening|day\nthank|thanks ?you for calling\nyou|you've ?have reached",
        ),
        farewell: Patterns::new(
            "goodbye|bye|bye-bye|farewell\nhave a ?very good|great|nice|lovely|wonderful day|evening|afternoon|night|weekend|one\ntake care\nthank|thanks ?you for calling ~4 $\nsee you ~3 $\nspeak|talk to you soon|later\ngood night",
        ),
        courtesy: Patterns::new(
            "please|thanks|thank|certainly|absolutely|gladly|welcome\nof course\nhappy|glad to help|assist\nmy pleasure\nno problem|worries",
        ),
        profanity: Patterns::new(PROFANITY),
        promise: Patterns::new(PROMISE),
        claimed: Patterns::new(CLAIMED),
        offers_person: Patterns::new(OFFERS_PERSON),
        question: Patterns::new(QUESTION),
        wish: Patterns::new(WISH),
        filler: Patterns::new(FILLER),
        settled: Patterns::new(
            "that's|it's|is all|everything i|we ?need|needed|wanted\nthat's|that all|it ?thanks|thank|then $\n^ ~2 thank|thanks ~6 bye|goodbye\nthat|this ?is|that's ?all solved|fixed|sorted|works|perfect|settled|great\nyou've ~3 helpful|helped\nnothing|no else|more\nno that's|that all|it|everything|fine",
        ),
    }
}

const PERSON: &str = "
speak|talk|chat|talking|speaking to|with ?a|an|the|some|any|your|another ?real|live|actual|human|different|proper|living ?human human|person|people|agent|representative|rep|operator|manager|supervisor|someone|somebody|anyone|anybody|employee|receptionist|adviser|advisor|consultant|specialist|staff|colleague|attendant|boss|doctor|nurse
speak|talk to|with ~3 department|team|desk|office|reception|billing|sales|support|service
get|give|find|need|want|prefer ~1 ?a|an|the|some|your ?real|live|actual|human|proper human|person|agent|representative|rep|operator|manager|supervisor|receptionist|adviser|advisor
transfer|connect|switch|redirect|forward|patch ~1 me|us|this|my|call ?call ?through ?over to|with|through
put me|us|my through|on|onto
put ~2 on ?the phone|line
pass|hand me|us ?over|on|back to
^ ?uh|um|please|just|a|an|the|no|yes|yeah|okay|ok|i|said|hello ?please|a|an|said ?real|live|human|speak human|person|operator|agent|representative|rep|manager|supervisor|being|somebody|someone|reception|receptionist ?human|agent|person|operator|representative ?please|now|thanks $
real|live|actual|human person|human|agent|representative|rep|operator|being please|now|instead|here|there
is|are there ?a|an|any|some ?real|live|human|actual|one person|human|someone|somebody|anyone|anybody|people|agent|representative|manager ~1 i|we|there|to|here|available|who ~2 talk|speak|can|help
let me ?just speak|talk to|with ~1 _
have|get|ask|let|tell someone|somebody|person|manager|human|agent|supervisor ~1 ?to call|ring|phone|contact|help|speak|talk
call|ring|phone ?me back ~2 person|human|manager
can|could|may|i'd ~4 human|person|representative|agent|operator instead|please|now
don't|do|not ~1 want|wanna|like to ~1 talk|speak|deal|be|talking|speaking ~2 robot|bot|machine|computer|ai|recording|assistant|automated
not ~1 talking|speaking to a|this ~1 robot|bot|machine|computer|recording
someone|somebody else ~2 help|please|there
get me ?out ?of ~2 human|person|operator|someone|somebody|manager
";

const NO_PERSON: &str = "
don't|not|no|never|without|needn't ~1 want|need|have|wanting|needing|like|wish ~1 to ~1 speak|talk|transfer|connect|put|be|call ~7
don't|not ~1 want|need ?a|an|any ?real|live|human human|person|agent|representative|operator|manager|supervisor
don't|never transfer|connect|switch|forward|put|pass ~5
no need ~6
instead of ?speaking|talking ~5
rather|prefer ~1 not|you ~6
without ?having ?to ~1 talking|speaking|speak|talk ~5
was|were|been|already ~2 speaking|talking|speak|talk|transferred|connected|put to|with|through|me ~4
tried|trying ?to ~1 reach|connect|transfer ~4
";

const UNSURE: &str = "
not ?quite|entirely|really|completely|exactly sure|certain
don't|do|cannot|can't ?not ?actually|really|currently know
don't|do|couldn't|can't|cannot|didn't ?not ?currently|actually have|find|see|locate ~4 information|answer|details|record|records|data
no information|details|answer about|on|for
unable|not|can't|cannot|couldn't ?able ?to answer
have|i've no idea
beyond|outside what i|my
unsure
can't|cannot|couldn't help ?you with that
not something i
";

const NOT_CAUGHT: &str = "
didn't|did|don't|couldn't|do|could|can't|cannot ?not ?quite ?really catch|hear|understand|get|follow|make ~1 that|you|it|what|your
could|can|would you ?please say|repeat|rephrase ~4 again|that|once|it|please
say|repeat that|it again|please|once
come again
not catch|hear|understand
";

const SAID_BEFORE: &str = "
already|just told|said|explained|answered|gave|asked
i've|i|we've|i'm ~1 said|told|explained|asked|repeating|repeat ~5 times|already|before|again|twice|myself
how many times
like|as i ?just|already said|told
again i|my|the|what|when|where|how|is
you already|keep|just ask*
that's|that|this ?is not|isn't what i asked|meant|said|wanted
i said
not answer* my|the question
didn't|did|haven't|don't ?not answer* ?my ?question
";

const PROFANITY: &str = "
fuck*|shit|shitty|bullshit|bitch|bastard|bastards|asshole|assholes|arsehole|dickhead|cunt|motherfuck*|goddamn|wanker|bollocks
damn you|it|thing|phone|robot|machine|company
piss off
stupid|dumb|useless|fucking|idiotic idiot|bot|robot|machine|cow|woman|man|people
idiot|idiots|moron|morons|imbecile|retard
shut up
go to hell
screw you
what|who|how|why the hell
";

const PROMISE: &str = "
i'll|we'll ?just|now|also|personally|certainly|go|gladly ?ahead|then|and book|cancel|change|update|send|email|text|call|ring|schedule|reschedule|transfer|connect|put|arrange|order|register|refund|process|open|create|move|add|remove|forward|notify|make|reserve|note|file|pass|have
i|we will ?just|now|also|personally|go ?ahead|and book|cancel|change|update|send|email|text|call|ring|schedule|reschedule|transfer|connect|put|arrange|order|register|refund|process|open|create|move|add|remove|forward|notify|make|reserve|file|pass|have
let me ?just|go ?ahead|and book|cancel|change|update|send|schedule|reschedule|transfer|connect|put|arrange|order|register|refund|process|reserve
someone|somebody|colleague|technician|manager|they|agent|representative will|would|is|are ?going ?to ?be call|contact|get|ring|come|email|in|reach|with|calling
i'm|we're ?now|just going ?to book|cancel|change|send|schedule|transfer|connect|put|arrange|order|refund|process|booking|cancelling|sending|transferring
";

const CLAIMED: &str = "
i've|we've|i|we ?have ?just|now|already|successfully booked|cancelled|canceled|changed|updated|sent|emailed|texted|scheduled|rescheduled|arranged|ordered|registered|refunded|processed|moved|added|removed|reserved|filed|noted|placed
you're|it's|that's|are|is|has|have|appointment|booking|order|everything|all ?is|has|are ?been|now|all booked|cancelled|canceled|scheduled|rescheduled|confirmed|done|arranged|refunded|reserved|registered|updated|set
all set|done|booked
";

const OFFERS_PERSON: &str = "
put|putting|transfer|transferring|connect|connecting|pass|passing ?you|the ?call ~2 through|to|with|over|you
let me|i'll|i ~3 transfer|connect|put you
colleague|person|human|someone|somebody|agent|manager|representative|team|desk ~3 call|contact|ring|help|assist|you|back
speak|talk to|with ?a|an|one|the ~2 colleague|person|human|agent|representative|manager|desk|team|member
get you ~2 person|colleague|someone|agent
nobody|no ?one ~1 available
";

const QUESTION: &str = "
^ ?and|so|but|um|uh|okay|ok|well|yeah|yes|hi|hello ?and|so|then ?so what|what's|when|when's|where|where's|why|who|who's|how|how's|which|whose
^ ?and|so|but|um|uh|okay|ok|well|yeah|yes|hi|hello ?and|so|then do|does|did|is|are|was|were|can|could|will|would|should|may|have|has|isn't|aren't|don't|doesn't|won't|can't|couldn't i|you|we|they|he|she|it|there|the|that|this|my|your|anyone|somebody|someone
what|when|where|how|which ~1 do|does|did|is|are|can|could|will|would|should|much|many|long|late|early|soon|time|kind
do|can|could|would you|i|we ~1 tell|know|take|have|offer|accept|give|explain|need|do|help|check
wondering|wonder|know if|whether|what|when|how
what|how about
tell|know me ~1 what|when|where|how|why|if|whether|about
";

const WISH: &str = "
i'd|i|we|we'd ?would ?like|want|wanna|need|have|wanted ?like ?to
i'm|am|we're calling|phoning|ringing|looking|trying|wondering|hoping|having
calling about|because|to|for|regarding
my _ ?_ is|isn't|has|hasn't|doesn't|won't|was|keeps|got|broke|stopped
can|could|would|may i|you|we|somebody
there's|there is|has|was
i've|i got|have|lost|received|forgot|missed|been
what|when|where|how|why|which|who|do|does|is|are
book|cancel|change|reschedule|order|refund|return|report|check|move|pay
";

const FILLER: &str = "
hi|hello|hey|yes|yeah|yep|no|nope|okay|ok|alright|right|sure|please|thanks|thank|you|bye|goodbye|um|uh|er|well|so|great|perfect|good|fine|mm-hm|mhm|uh-huh|oh|correct|exactly|sorry|there|cool
good morning|afternoon|evening|day
that's|that ?is right|correct|all|it|fine|good|great|perfect|okay
how are you
sounds good|great|fine
have a good|great|nice day|one|evening
no problem|worries
very|so much
";
