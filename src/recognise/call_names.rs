//! Call names and the baptismal names behind them: a register often has "Cornelis" where the network has "Kees".
//! Our own knowledge, folded as [`crate::text::fold`] folds.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Call names and the baptismal names they stand for. One call name may stand for several.
const CALL_NAMES: &[(&str, &[&str])] = &[
    ("aat", &["adrianus"]),
    ("ad", &["adrianus"]),
    ("aart", &["adrianus", "arnoldus"]),
    ("alex", &["alexander", "alexandra"]),
    ("andre", &["andreas"]),
    ("andy", &["andrew"]),
    ("annie", &["anna", "johanna"]),
    ("anneke", &["anna"]),
    ("ans", &["johanna", "anna"]),
    ("anton", &["antonius"]),
    ("arie", &["adrianus"]),
    ("bart", &["bartholomeus"]),
    ("bas", &["bastiaan", "sebastiaan", "sebastian"]),
    ("bella", &["isabella"]),
    ("ben", &["benjamin", "bernardus"]),
    ("bep", &["elisabeth"]),
    ("bert", &["albert", "lambertus", "hubertus", "robert", "egbert", "gijsbert", "albertus"]),
    ("betty", &["elisabeth", "elizabeth"]),
    ("bill", &["william"]),
    ("bob", &["robert"]),
    ("cees", &["cornelis"]),
    ("chris", &["christiaan", "christian", "christopher", "christina", "christoffel"]),
    ("coen", &["coenraad"]),
    ("cor", &["cornelis", "cornelia"]),
    ("corrie", &["cornelia"]),
    ("daan", &["daniel"]),
    ("dan", &["daniel"]),
    ("dave", &["david"]),
    ("dick", &["dirk", "richard"]),
    ("dorus", &["theodorus"]),
    ("ed", &["eduard", "edward"]),
    ("els", &["elisabeth", "elsbeth"]),
    ("elly", &["elisabeth"]),
    ("em", &["emma", "emily"]),
    ("eef", &["eva", "evelien"]),
    ("frank", &["franciscus"]),
    ("frans", &["franciscus"]),
    ("frits", &["frederik", "fredericus"]),
    ("freek", &["frederik"]),
    ("fred", &["frederik", "alfred"]),
    ("gerrit", &["gerardus", "gerhardus"]),
    ("gerard", &["gerardus"]),
    ("ger", &["gerardus", "gerard"]),
    ("greet", &["margaretha"]),
    ("griet", &["margaretha"]),
    ("guus", &["augustus", "gustaaf", "augustinus"]),
    ("hanneke", &["johanna"]),
    ("hans", &["johannes", "johan"]),
    ("harrie", &["hendrikus", "henricus", "harry"]),
    ("harry", &["hendrikus", "henricus", "harold"]),
    ("hein", &["hendrik", "heinrich"]),
    ("henk", &["hendrik", "hendrikus"]),
    ("henny", &["hendrika", "hendrik"]),
    ("huub", &["hubertus"]),
    ("ineke", &["catharina", "wilhelmina"]),
    ("jaap", &["jacob", "jacobus"]),
    ("jack", &["jacobus", "john"]),
    ("jan", &["johannes", "johan"]),
    ("jas", &["jasmijn", "jasper"]),
    ("jeff", &["jeffrey", "jefferson"]),
    ("jeroen", &["hieronymus"]),
    ("jim", &["james"]),
    ("jo", &["johanna", "johannes", "josephus", "joseph"]),
    ("joe", &["joseph"]),
    ("johan", &["johannes"]),
    ("joop", &["johannes", "joseph", "josephus"]),
    ("joost", &["justus", "jodocus"]),
    ("jos", &["josephus", "joseph"]),
    ("josh", &["joshua"]),
    ("kate", &["katherine", "catharina"]),
    ("karin", &["catharina"]),
    ("kees", &["cornelis"]),
    ("klaas", &["nicolaas"]),
    ("koen", &["koenraad", "coenraad"]),
    ("koos", &["jacobus"]),
    ("kim", &["kimberly", "kimberley"]),
    ("leen", &["leendert", "helena", "magdalena"]),
    ("leo", &["leonardus"]),
    ("lies", &["elisabeth"]),
    ("lisa", &["elisabeth"]),
    ("liz", &["elizabeth", "elisabeth"]),
    ("loes", &["louise", "lucia"]),
    ("marijke", &["maria"]),
    ("mieke", &["maria"]),
    ("mia", &["maria"]),
    ("mies", &["maria"]),
    ("riet", &["maria"]),
    ("ria", &["maria"]),
    ("marie", &["maria"]),
    ("matt", &["matthew"]),
    ("max", &["maximiliaan", "maxim"]),
    ("mien", &["wilhelmina"]),
    ("mike", &["michael"]),
    ("michiel", &["michael"]),
    ("mo", &["mohamed", "mohammed", "muhammed", "muhammad"]),
    ("nel", &["cornelia", "petronella"]),
    ("nick", &["nicolaas", "nicholas", "nicolas"]),
    ("nico", &["nicolaas"]),
    ("niels", &["cornelis"]),
    ("pete", &["peter"]),
    ("peter", &["petrus", "pieter"]),
    ("piet", &["pieter", "petrus"]),
    ("pieter", &["petrus"]),
    ("rick", &["richard", "frederik"]),
    ("rob", &["robert", "robertus"]),
    ("ron", &["ronald"]),
    ("rinus", &["marinus"]),
    ("ruud", &["rudolf", "rudolphus"]),
    ("sander", &["alexander"]),
    ("sam", &["samuel", "samantha"]),
    ("sjaak", &["jacobus"]),
    ("sjaan", &["adriana", "johanna"]),
    ("sjef", &["josephus", "joseph"]),
    ("sjors", &["george", "georgius"]),
    ("steve", &["steven", "stephen"]),
    ("stan", &["stanislaus", "constantijn"]),
    ("sue", &["susan", "susanne"]),
    ("theo", &["theodorus"]),
    ("thea", &["theodora", "dorothea"]),
    ("thijs", &["mathijs", "matthijs", "mattheus"]),
    ("tijs", &["mathijs", "matthijs"]),
    ("tim", &["timotheus", "timothy"]),
    ("tom", &["thomas"]),
    ("tony", &["anthony", "antonius"]),
    ("ton", &["antonius", "anton"]),
    ("toon", &["antonius", "anton"]),
    ("toos", &["catharina"]),
    ("trees", &["theresia"]),
    ("tina", &["christina", "martina"]),
    ("trijntje", &["catharina"]),
    ("truus", &["geertruida"]),
    ("wil", &["wilhelmina", "wilhelmus", "willem"]),
    ("wilma", &["wilhelmina"]),
    ("will", &["william"]),
    ("willem", &["wilhelmus"]),
    ("willy", &["wilhelmina", "wilhelmus", "willem"]),
    ("wim", &["willem", "wilhelmus"]),
    ("wout", &["wouter"]),
];

/// The baptismal names that a call name may stand for; empty for a name that is not in the list.
pub(super) fn baptismal_names(call_name: &str) -> &'static [&'static str] {
    static BY_CALL_NAME: LazyLock<HashMap<&str, &[&str]>> =
        LazyLock::new(|| CALL_NAMES.iter().copied().collect());
    BY_CALL_NAME.get(call_name).copied().unwrap_or_default()
}

/// One person may carry both given names: one is the call name of the other, or both are of a third.
pub(super) fn are_call_names(one: &str, other: &str) -> bool {
    let (ones, others) = (baptismal_names(one), baptismal_names(other));
    ones.contains(&other) || others.contains(&one) || ones.iter().any(|name| others.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;

    #[test]
    fn call_names_meet_their_baptismal_names_both_ways() {
        for (one, other) in [("kees", "cornelis"), ("wilhelmus", "wim"), ("jan", "hans"), ("ans", "johanna")]
        {
            assert!(are_call_names(one, other), "{one} and {other}");
        }
        assert!(!are_call_names("jan", "kees"));
        assert!(!are_call_names("sanne", "sanne-marie"));
    }

    #[test]
    fn every_call_name_is_folded_and_stands_once() {
        let mut calls: Vec<&str> = CALL_NAMES.iter().map(|(call, _)| *call).collect();
        assert!(
            CALL_NAMES.iter().flat_map(|(_, names)| *names).chain(&calls).all(|name| fold(name) == *name)
        );
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }
}
