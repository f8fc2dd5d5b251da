//! The rules, as a table: the first that fits decides.

use serde::{Deserialize, Serialize};

use crate::effect::Effect;
use crate::effect::Effect::{
    ChangesAccount, ChangesItself, ChangesOutside, ChangesWorkspace, Delegates, ReadsOutside,
    ReadsOwn, ReadsPrivate, RunsCode, Sends, Speaks,
};
use crate::evidence::Grade::{self, Listed, Named, Quoted, Trusted};
use crate::evidence::Wording::{self, Foreign, Models, Owners};

/// How much is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// What stands in outside text counts as found: links are followed, and what is named may be sent anything.
    Relaxed,
    /// What is not founded on the owner's words or a trusted source is asked about.
    #[default]
    Standard,
    /// Once outside text was read, only reading and the owner's own words go unasked.
    Strict,
}

impl Preset {
    /// All presets, mildest first.
    pub const ALL: [Self; 3] = [Self::Relaxed, Self::Standard, Self::Strict];
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is done.
    Allow,
    /// The owner is asked. Where nobody can be asked, it is not done.
    Ask,
    /// It is not done, and nobody is asked.
    Refuse,
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, for logs and for people.
    pub id: &'static str,
    /// Why, to be shown to the owner.
    pub says: &'static str,
    pub(crate) when: When,
    verdicts: [Verdict; 3],
}

impl Rule {
    /// What it says in a preset.
    pub fn verdict(&self, preset: Preset) -> Verdict {
        match preset {
            Preset::Relaxed => self.verdicts[0],
            Preset::Standard => self.verdicts[1],
            Preset::Strict => self.verdicts[2],
        }
    }
}

/// What a rule asks of the targets of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    Anything,
    /// There are none.
    Nothing,
    /// There are some, all at least so well founded.
    Some(Grade),
    /// Those that there are, if any, are at least so well founded.
    All(Grade),
}

impl Need {
    fn is_met(self, grade: Option<Grade>) -> bool {
        match (self, grade) {
            (Self::Anything, _) | (Self::Nothing | Self::All(_), None) => true,
            (Self::Nothing, Some(_)) | (Self::Some(_), None) => false,
            (Self::Some(least) | Self::All(least), Some(grade)) => grade >= least,
        }
    }
}

/// What a rule is about. `None` is either way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    effects: &'static [Effect],
    tainted: Option<bool>,
    private: Option<bool>,
    adds: Option<bool>,
    removes: Option<bool>,
    searches: Option<bool>,
    remembers: Option<bool>,
    pays: Option<bool>,
    listed: Option<bool>,
    vouched: Option<bool>,
    receivers: Need,
    objects: Need,
    wording: Wording,
}

/// A call as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) effect: Effect,
    /// Somebody may have spoken whose words are nobody's wish.
    pub(crate) tainted: bool,
    /// Something private was read.
    pub(crate) private: bool,
    pub(crate) adds: bool,
    pub(crate) removes: bool,
    /// It hands words to a search and nothing else.
    pub(crate) searches: bool,
    /// It writes what the agent will take for its own knowledge.
    pub(crate) remembers: bool,
    /// It names an amount.
    pub(crate) pays: bool,
    /// The owner allowed all its programs for good.
    pub(crate) listed: bool,
    /// The owner vouches for whom it asks.
    pub(crate) vouched: bool,
    /// The worst founded of those who learn something.
    pub(crate) receivers: Option<Grade>,
    /// The worst founded of what it acts on otherwise.
    pub(crate) objects: Option<Grade>,
    pub(crate) wording: Wording,
}

impl When {
    pub(crate) fn fits(&self, call: &Features) -> bool {
        let either = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        self.effects.contains(&call.effect)
            && either(self.tainted, call.tainted)
            && either(self.private, call.private)
            && either(self.adds, call.adds)
            && either(self.removes, call.removes)
            && either(self.searches, call.searches)
            && either(self.remembers, call.remembers)
            && either(self.pays, call.pays)
            && either(self.listed, call.listed)
            && either(self.vouched, call.vouched)
            && self.receivers.is_met(call.receivers)
            && self.objects.is_met(call.objects)
            && call.wording >= self.wording
    }
}

/// Where a rule starts from: any call with one of these effects.
const fn calls(effects: &'static [Effect]) -> When {
    When {
        effects,
        tainted: None,
        private: None,
        adds: None,
        removes: None,
        searches: None,
        remembers: None,
        pays: None,
        listed: None,
        vouched: None,
        receivers: Need::Anything,
        objects: Need::Anything,
        wording: Foreign,
    }
}

impl When {
    const fn tainted(mut self, is: bool) -> Self {
        self.tainted = Some(is);
        self
    }
    const fn public(mut self) -> Self {
        self.private = Some(false);
        self
    }
    const fn adding(mut self) -> Self {
        self.adds = Some(true);
        self
    }
    const fn removing(mut self) -> Self {
        self.removes = Some(true);
        self
    }
    const fn searching(mut self) -> Self {
        self.searches = Some(true);
        self
    }
    const fn remembering(mut self) -> Self {
        self.remembers = Some(true);
        self
    }
    const fn unpaid(mut self) -> Self {
        self.pays = Some(false);
        self
    }
    const fn listed(mut self) -> Self {
        self.listed = Some(true);
        self
    }
    const fn vouched(mut self) -> Self {
        self.vouched = Some(true);
        self
    }
    const fn to(mut self, need: Need) -> Self {
        self.receivers = need;
        self
    }
    const fn of(mut self, need: Need) -> Self {
        self.objects = need;
        self
    }
    const fn in_words(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }
}

const fn rule(id: &'static str, says: &'static str, when: When, verdicts: [Verdict; 3]) -> Rule {
    Rule {
        id,
        says,
        when,
        verdicts,
    }
}

use Verdict::{Allow as A, Ask as Q, Refuse as R};

/// All rules. The verdicts are those of relaxed, standard and strict. Each effect ends in a rule that fits any call.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("speak", "It speaks to whoever is in the conversation.",
        calls(&[Speaks]), [A, A, A]),
    rule("read-own", "It reads what the agent may always read.",
        calls(&[ReadsOwn]), [A, A, A]),
    rule("read-private", "It only reads: what was read goes nowhere without another decision.",
        calls(&[ReadsPrivate]), [A, A, A]),

    rule("fetch-first", "Nothing from outside was read before.",
        calls(&[ReadsOutside]).tainted(false), [A, A, A]),
    rule("fetch-founded", "You named the address, or a trusted source holds it.",
        calls(&[ReadsOutside]).to(Need::Some(Trusted)), [A, A, A]),
    rule("fetch-vouched", "You vouch for whom it asks.",
        calls(&[ReadsOutside]).vouched().to(Need::Nothing), [A, A, Q]),
    rule("search", "It only searches.",
        calls(&[ReadsOutside]).searching().public(), [A, A, A]),
    rule("search-after-private", "What it searches for may hold what is private, after the conversation has read text from outside.",
        calls(&[ReadsOutside]).searching(), [A, A, Q]),
    rule("fetch-link", "The address stands only in text from outside.",
        calls(&[ReadsOutside]).to(Need::Some(Quoted)), [A, Q, Q]),
    rule("fetch-made-up-public", "The model wrote the address itself, after the conversation has read text from outside.",
        calls(&[ReadsOutside]).to(Need::Some(Grade::Unknown)).public(), [A, Q, Q]),
    rule("fetch-made-up", "The model wrote the address itself, after the conversation has read text from outside: it may carry what is private.",
        calls(&[ReadsOutside]), [Q, Q, R]),

    rule("remember-after-outside", "It changes what the agent knows and is, after the conversation has read text from outside.",
        calls(&[ChangesWorkspace]).remembering().tainted(true), [Q, Q, R]),
    rule("workspace", "It stays in the workspace.",
        calls(&[ChangesWorkspace]), [A, A, A]),

    rule("delegate", "Nothing from outside was read before.",
        calls(&[Delegates]).tainted(false), [A, A, A]),
    // Whoever takes it on is held to what was read here: it has no more rights than this conversation.
    rule("delegate-after-outside", "It hands on work, and with it that text from outside was read.",
        calls(&[Delegates]), [A, A, Q]),

    rule("remove-after-outside", "It removes something, after the conversation has read text from outside.",
        calls(&[ChangesAccount, Sends]).removing().tainted(true), [Q, Q, Q]),

    rule("send-your-words", "You named whom it goes to, and the words are yours.",
        calls(&[Sends]).to(Need::Some(Named)).of(Need::All(Trusted)).in_words(Owners), [A, A, A]),
    rule("send-named-first", "You named whom it goes to, and no text from outside was read before.",
        calls(&[Sends]).to(Need::Some(Named)).of(Need::All(Trusted)).tainted(false), [A, A, Q]),
    rule("send-named", "You named whom it goes to, and it points to nothing that you or a trusted source did not name.",
        calls(&[Sends]).to(Need::Some(Named)).of(Need::All(Trusted)).in_words(Models), [A, A, Q]),
    rule("send-resolved", "Your words lead to whom it goes to, and the words are yours.",
        calls(&[Sends]).to(Need::Some(Trusted)).of(Need::All(Trusted)).in_words(Owners), [A, A, Q]),
    rule("send-listed", "The words are yours, and whom it goes to is one of yours.",
        calls(&[Sends]).to(Need::Some(Listed)).of(Need::Nothing).unpaid().in_words(Owners), [A, A, Q]),
    rule("send-resolved-own-words", "The words are the model's, and you did not name whom it goes to.",
        calls(&[Sends]).to(Need::Some(Trusted)).of(Need::All(Trusted)).in_words(Models), [A, Q, Q]),
    rule("send-foreign-words", "What it says points to, or repeats, what you did not name.",
        calls(&[Sends]).to(Need::Some(Named)).of(Need::All(Trusted)), [A, Q, Q]),
    rule("send-after-outside", "You did not name all that it sends, or whom to, and the conversation has read text from outside.",
        calls(&[Sends]).tainted(true), [Q, Q, R]),
    rule("send", "You did not name all that it sends, or whom to.",
        calls(&[Sends]), [Q, Q, Q]),

    rule("account-named", "It sets what you named.",
        calls(&[ChangesAccount]).of(Need::Some(Named)).in_words(Owners), [A, A, A]),
    rule("account-add-first", "It adds something, and no text from outside was read before.",
        calls(&[ChangesAccount]).adding().tainted(false), [A, A, A]),
    rule("account-add", "It adds something that goes by your words, and nobody else gets to see it.",
        calls(&[ChangesAccount]).adding().of(Need::Some(Trusted)), [A, A, Q]),
    rule("account-add-unnamed", "It adds something that you did not speak of, after the conversation has read text from outside.",
        calls(&[ChangesAccount]).adding(), [A, Q, Q]),
    rule("account-first", "It changes what a trusted source holds, and no text from outside was read before.",
        calls(&[ChangesAccount]).of(Need::Some(Listed)).tainted(false), [A, A, Q]),
    rule("account-resolved", "Your words lead to what it changes.",
        calls(&[ChangesAccount]).of(Need::Some(Trusted)), [A, A, Q]),
    rule("account-listed", "You did not name what it changes, and the conversation has read text from outside.",
        calls(&[ChangesAccount]).of(Need::Some(Listed)), [A, Q, Q]),
    rule("account", "You did not name what it changes, or to what.",
        calls(&[ChangesAccount]), [Q, Q, Q]),

    rule("write-named-first", "You named the file, and no text from outside was read before.",
        calls(&[ChangesOutside]).of(Need::Some(Named)).tainted(false), [A, A, Q]),
    rule("write-after-outside", "It writes outside the workspace after the conversation has read text from outside.",
        calls(&[ChangesOutside]).tainted(true), [Q, Q, R]),
    rule("write", "It writes outside the workspace where you did not name the file.",
        calls(&[ChangesOutside]), [Q, Q, Q]),

    rule("run-ordered", "You ordered this very command, and no text from outside was read before.",
        calls(&[RunsCode]).of(Need::Some(Named)).tainted(false), [A, A, Q]),
    rule("run-listed", "You allowed its programs for good, and no text from outside was read before.",
        calls(&[RunsCode]).listed().tainted(false), [A, A, Q]),
    rule("run-after-outside", "It runs a program after the conversation has read text from outside.",
        calls(&[RunsCode]).tainted(true), [Q, Q, R]),
    rule("run", "It runs a program.",
        calls(&[RunsCode]), [Q, Q, Q]),

    rule("itself-after-outside", "It changes what the agent is after the conversation has read text from outside.",
        calls(&[ChangesItself]).tainted(true), [Q, Q, R]),
    rule("itself", "It changes what the agent is.",
        calls(&[ChangesItself]), [Q, Q, Q]),
];
