//! Words that say little: Dutch and English in one list, because posts mix them.
//!
//! They are indexed at half weight, since "hoe lang nog" still says something about a question, but they are never
//! evidence: no match rests on them.

/// Function words of Dutch, without diacritics.
const DUTCH: &str = "
    de het een der des den dat die dit deze dan daar er hier waar wat wie welke welk hoe waarom wanneer
    ik je jij jou jouw u uw hij zij ze hem haar hen hun wij we ons onze jullie mij me mijn mn zijn zn z'n t
    en of maar want dus als toen terwijl omdat doordat hoewel zodat indien noch
    in op aan uit van voor na naar met zonder bij over onder tot door om te tegen tussen sinds per via vanaf achter
    ben bent is was waren wordt worden werd werden geworden zijn geweest heb hebt heeft hebben had hadden gehad
    kan kun kunt kunnen kon konden mag mogen moet moeten moest zal zult zullen zou zouden wil wilt willen wilde
    ga gaat gaan ging gingen doe doet doen deed deden gedaan kom komt laat laten
    niet geen wel niks niets nooit nog al alle alles altijd ook eens even eigenlijk gewoon maar toch weer meer
    minder veel weinig heel erg zo zoals zelf ander andere anders iets iemand niemand iedereen elke elk ieder
    ja nee nu net pas straks al zeer echt dus toe heen mee af hoor zeg nou ofzo graag gr mvg aub svp bedankt
    dank hallo hoi beste geachte heer mevrouw dhr mw mevr groet groeten kl klant";

/// Function words of English.
const ENGLISH: &str = "
    a an the this that these those there here what which who whom whose how why when where
    i me my mine myself you your yours he him his she her hers it its we us our ours they them their theirs
    and or but nor so because as until while if though although than then
    in on at by for with about against between into through during before after above below to from up down out
    off over under again further of
    am is are was were be been being have has had having do does did doing done can could may might must shall
    should will would just dont doesnt didnt isnt wont cant im ive ill its thats
    no not only own same too very once more most other some such any all both each few much many every
    yes oh ok please thanks thank hi hello dear regards also still even ever never always already
    s t m d ll re ve don doesn didn isn won couldn wouldn get gets got";

/// Every stop word, both languages.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    DUTCH.split_whitespace().chain(ENGLISH.split_whitespace())
}
