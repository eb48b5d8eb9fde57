/** Words that stand for one another: forms that no stemmer joins, words for the same, and what is a kind of what. Data. */

import { stemOf } from './stem.ts';

/** Forms of one word, and shorter ones. */
const FORMS = `
go goes went gone|buy bought|get got gotten|eat ate eaten|run ran|write wrote written writer|teach taught teacher|think thought|find found
take took taken|make made|give gave given|see saw seen|come came|know knew known|tell told|say said|feel felt feeling|keep kept
leave left|lose lost loss|meet met meeting|pay paid payment|sell sold sale|send sent|sing sang sung singer song|sit sat|sleep slept asleep
speak spoke spoken speech|spend spent|swim swam swum|win won winner|wear wore worn|drive drove driven driver|fly flew flown flight
grow grew grown growth|draw drew drawn drawing|begin began begun beginning|break broke broken|bring brought|build built building
catch caught|choose chose chosen choice|drink drank drunk|fall fell fallen|fight fought|forget forgot forgotten|hear heard
hold held|lead led leader leadership|lend lent|ride rode ridden|rise rose risen|shoot shot|steal stole stolen|stand stood|stick stuck
throw threw thrown|understand understood|wake woke woken|hide hid hidden|hang hung|become became|bite bit bitten|freeze froze frozen
bake baked baker bakery|tear tore torn|shake shook shaken|feed fed|dig dug|light lit|sink sank sunk|swear swore sworn|wind wound
child children kid childhood|man men|woman women|person people|foot feet|tooth teeth|mouse mice|wife wives|life lives|knife knives|leaf leaves
mother mom mum mama mommy|father dad daddy papa|grandmother grandma granny nana gran|grandfather grandpa granddad|brother bro|sister sis
photograph photo picture pic image photography photographer|television tv|telephone phone cellphone smartphone|refrigerator fridge
bicycle bike cycling cyclist|airplane plane aeroplane|laboratory lab|mathematics math maths|examination exam|business biz
veterinarian vet|doctor dr physician|advertisement ad advert advertise advertising|application app|temperature temp
favorite favourite fave|color colour|theater theatre|center centre|neighbor neighbour|gray grey|organize organise|realize realise
gymnasium gym|motorcycle motorbike|usa america american states|uk britain british england english|europe european|asia asian
second twice two 2|first once one 1|third three 3|fourth four 4|fifth five 5|six 6|seven 7|eight 8|nine 9|ten 10|twelve 12|dozen 12|hundred 100
decide decision|believe belief|succeed success successful|die died death dead dying|marry marriage married wedding|long length
strong strength strengthen|wide width|deep depth|high height|weigh weight|hot heat|proud pride|able ability|advise advice
analyze analysis|describe description|explain explanation|perform performance performer|appear appearance|arrive arrival
propose proposal|approve approval|breathe breath|practice practise|suggest suggestion|compete competition competitive competitor contest
volunteer voluntary|allergic allergy allergen|anxious anxiety|depressed depression|frustrate frustration|inspire inspiration
create creation creative creativity|invite invitation|retire retirement|collect collection|exhibit exhibition|celebrate celebration
donate donation donor|graduate graduation|produce production producer|relax relaxation|meditate meditation
educate education educational|communicate communication|motivate motivation|adopt adoption|compose composer composition
act actor actress acting|art artist artistic artwork|music musician musical|science scientist scientific|poem poet poetry
politics political politician|history historical historic|nature natural|culture cultural|religion religious|spirit spiritual
emotion emotional|invest investor investment|employ employer employee employment|manage manager management|direct director
visit visitor|train trainer training|design designer|develop developer development|engineer engineering|journal journalism journalist
library librarian|photographer photography|mechanic mechanical|electric electrical electrician electricity|nurse nursing
law lawyer legal attorney|finance financial|medicine medical medication|surgery surgeon surgical|therapy therapist therapeutic
counsel counselor counseling|psychology psychologist|nutrition nutritionist nutritious|injure injury injured|recover recovery
diagnose diagnosis|prescribe prescription|appoint appointment|reserve reservation|register registration|subscribe subscription
negotiate negotiation|promote promotion|present presentation|participate participant participation|attend attendance
connect connection|collaborate collaboration|contribute contribution|discover discovery|explore exploration|imagine imagination
transform transformation|define definition|express expression|impress impression|discuss discussion|confuse confusion|conclude conclusion
retake retook retaken|quit quitting|age aged old|warm warmth|true truth|free freedom|wise wisdom|bored boredom|safe safety|secure security
happy happiness|sad sadness|kind kindness|lonely loneliness|healthy health|wealthy wealth|hungry hunger|angry anger|brave bravery courage courageous
ice icecream gelato|vegetable veggie veg|vegan veganism|laptop notebook|movie film|hi hello|cloth clothing clothes|lgbt lgbtq lgbtqia queer
`;

/** Words for the same or nearly so. */
const SAME = `
job position role employment gig|career profession occupation vocation job|work job office|company firm employer business startup|colleague coworker workmate teammate
hire recruit employ|fire layoff dismiss lost|quit resign leave|salary pay wage income earn|promote promotion raise|boss manager supervisor
child kid son daughter baby toddler youth|parent mother father|spouse husband wife partner|sibling brother sister|relative family cousin aunt uncle
boyfriend partner girlfriend|date dating romantic|relationship dating married single breakup partner|friend buddy pal mate friendship|family relative folks
pet dog cat animal|dog puppy pup doggy canine|cat kitten kitty feline|house home place apartment|apartment flat condo|move relocate moved
city town|country nation homeland|hometown home grew native|trip travel vacation holiday journey getaway visit|vacation holiday getaway trip|travel trip visit journey explore
road roadtrip drive|hike trail trek hiking walk|camp camping tent campfire campsite|beach ocean sea coast shore|mountain peak summit climb mountaineering
exercise workout gym fitness train|run jog marathon race|sport game team athlete|competition contest tournament championship race match|trophy award medal prize win
win victory champion|lose defeat loss|concert gig show perform|band group musician|song tune track music|instrument play|paint painting draw canvas art artwork
draw sketch drawing|craft make diy handmade|film movie cinema|movie film watch series|book novel read story|read book novel|write writing story script screenplay novel blog
author writer|screenplay script|game gaming videogame|cook meal recipe dish|bake cake cookie pastry|recipe dish cook|food meal dish eat snack|eat meal food
dinner supper meal|restaurant cafe diner bistro eatery|drink beverage coffee tea|diet eat food nutrition|sick ill illness unwell|disease illness condition
hurt injure pain sprain|doctor hospital clinic|medicine pill drug medication|stress pressure overwhelm anxious|destress relax unwind stress calm|relax unwind calm rest chill peaceful
happy glad joy thrill delight excited|sad upset down unhappy grief|angry mad annoyed furious|afraid scare fear frighten phobia nervous|excited thrill stoke pump
love adore like enjoy|enjoy love like fun|hate dislike loathe|like love enjoy favorite|hobby interest pastime passion enjoy|passion passionate love|activity hobby fun
goal aim target ambition dream|dream goal aspiration wish|plan intend hope upcoming want|want wish hope|advice tip suggest recommend|recommend suggest advise try
help support assist aid|support help encourage back|volunteer help charity shelter|charity nonprofit cause donate fundraiser|donate give fundraiser raise|community group neighborhood
meeting appointment gathering|event gathering festival fair parade conference|conference convention workshop seminar|party celebrate celebration|gift present|buy purchase got order
shop store boutique|store shop|price cost pay expense|money fund cash budget financial|save saving budget|own have|live reside home stay|born birthday birth
birthday bday turn|study learn course class|school class|university college campus|student pupil|teach mentor coach tutor|degree diploma graduate major|exam test quiz
car vehicle truck automobile|accident crash collision|computer laptop pc|phone call mobile|program code software coding|start begin launch open|finish complete end|stop quit
create make design build|problem issue trouble|challenge obstacle difficulty struggle hurdle|difficult hard tough challenge|setback problem failure obstacle fail
change transform|identity transgender gender|transgender trans|church faith religion god|religion faith church|military army soldier veteran|veteran military soldier army
country abroad|immigrant homeland move|weather rain snow sunny|dress outfit clothes wear|jewelry necklace ring bracelet pendant|garden plant flower yard|haircut hair
hair dye|sunset sunrise|wedding ceremony marry bride|pregnant baby expecting|sponsor endorse endorsement deal|deal contract agreement sign|promote market advertise campaign
memory remember reminisce nostalgia|remind memory reminder|symbolize represent mean stand symbol|symbol represent mean|meaning represent symbolize significance mean
nickname call|opinion think view feel|attend join participate go visit|participate join attend take part|join enroll sign member|visit go trip saw|research look investigate
receive get given got|recently lately just yesterday last week|regularly often usual every|inspire motivate influence|realize learn understand|learn discover understand
quote saying motto|letter note card|item object thing stuff|picture photo painting|reaction feel react happy|feel felt emotion|attitude feel view|describe say call
appreciate thankful grateful value|thankful grateful appreciate|proud accomplish achievement|achievement accomplish success milestone|achieve accomplish reach|success succeed achieve
improve better enhance boost|increase grow raise boost|reduce lower cut less|fix repair mend|repair fix maintenance|renovate remodel refurbish|clean tidy declutter
beautiful gorgeous stunning pretty|big large huge|small little tiny|fast quick rapid|smart intelligent clever|funny hilarious humor|strange weird odd|scary frighten spooky horror
important significant matter value|famous celebrity popular|new recent latest|old former ago|near close|beginner start novice|expert professional pro
trouble bother problem|annoy bother irritate|argue fight disagree|apologize sorry|promise swear|agree accept|refuse reject decline|allow permit let|require need
meet encounter met|contact reach call message|share post show|post share upload|watch see view|look see|listen hear|talk chat speak discuss|chat talk|ask inquire
cancel postpone reschedule|delay postpone late|schedule plan calendar appointment|deadline due|reminder remind|password passcode pin code|address street located live
allergy intolerant react|vegetarian vegan plant|gluten celiac|lactose dairy milk|sleep nap insomnia bed|tired exhausted fatigue|weight pound kg lb|bill invoice payment|rent lease landlord
loan mortgage debt|bank account|tax irs refund|insurance policy coverage|ticket booking|book reserve booking|hotel hostel airbnb resort lodging|flight plane airline|airport flight
passport visa|luggage suitcase bag|train rail|subway metro|bus coach|server machine host|bug error issue|deploy release ship|database db|website site page
`;

/** What is asked in one word, and told in another: a kind of it. */
const KINDS = `
instrument: guitar piano violin clarinet drum saxophone flute trumpet cello ukulele bass keyboard harp
sport: soccer basketball football tennis baseball hockey golf volleyball swim run surf ski snowboard climb yoga rugby cricket boxing skate badminton cycling
exercise: yoga run jog swim weight lift pilates cardio gym kickbox boxing hike bike walk circuit dance stretch taekwondo
martial: karate taekwondo judo kickboxing boxing jiu jitsu kung aikido
yoga: aerial kundalini vinyasa hatha
country: france spain italy germany england ireland scotland wales sweden norway denmark finland poland portugal greece turkey japan china india thailand vietnam korea australia canada mexico brazil argentina peru chile colombia egypt morocco kenya africa usa america russia ukraine switzerland austria netherlands belgium iceland croatia czech hungary israel indonesia bali malaysia singapore philippines cuba zealand uk
european: france spain italy germany england ireland scotland sweden norway denmark finland poland portugal greece switzerland austria netherlands belgium iceland croatia czech hungary paris rome london berlin barcelona madrid
city: paris rome london berlin madrid barcelona tokyo york chicago boston seattle miami francisco angeles vegas toronto vancouver sydney dublin amsterdam vienna prague lisbon istanbul dubai milan florence venice munich philadelphia houston dallas austin denver detroit atlanta phoenix orlando nashville portland
state: california texas florida oregon washington nevada arizona colorado michigan illinois ohio georgia carolina virginia minnesota wisconsin indiana massachusetts maine vermont montana utah hawaii alaska tennessee kentucky louisiana alabama york jersey pennsylvania iowa missouri kansas
place: city town country park beach museum mountain cafe restaurant island village
area: coast city park region northwest midwest east west north south
nature: park forest mountain lake waterfall beach trail river sunset
outdoor: hike camp kayak climb mountaineering surf fish bike park trail picnic
activity: hike camp swim paint run read dance cook yoga volunteer play visit museum pottery craft picnic game
hobby: paint read write draw cook bake garden photography hike play guitar dance knit pottery fish collect game sew
family: mother father sister brother grandmother grandfather aunt uncle cousin kid son daughter husband wife parent
child: son daughter boy girl name
pet: dog cat puppy kitten turtle hamster rabbit parrot fish bird snake lizard guinea
animal: dog cat turtle bear horse cow bird fish elephant lion tiger wolf deer rabbit
color: red blue green yellow purple pink orange black white brown gray gold silver teal
food: pizza pasta salad soup bread cheese chicken rice sushi taco burger cake fruit vegetable sandwich meal curry lasagna
dessert: cake cookie pie chocolate cream cupcake brownie pudding tart muffin ice
fruit: apple banana berry strawberry blueberry mango orange peach grape cherry
drink: coffee tea wine beer juice soda water smoothie cocktail
meal: breakfast lunch dinner brunch
art: paint draw sculpt pottery portrait canvas abstract sketch photography
pottery: bowl cup pot vase mug clay
painting: sunset landscape portrait abstract horse lake flower canvas
band: concert tour singer perform
artist: band singer song concert painter perform
music: song band classical jazz rock pop piano guitar concert album
movie: trilogy film watch wars potter marvel star thriller comedy drama horror romcom
book: novel series author read fantasy mystery trilogy
genre: fantasy mystery thriller romance horror drama comedy jazz rock classical
game: chess card board console catan cyberpunk zelda mario fortnite strike rpg
event: parade festival concert conference workshop fair meeting party tournament race fundraiser show exhibit competition gala
vehicle: car truck bike motorcycle van bus
clothes: dress shirt hoodie jacket shoes jeans sweater hat
jewelry: necklace ring bracelet earring
item: shoes figurine necklace ring book mug toy painting lamp
gift: necklace ring book toy card watch
weather: rain snow sun storm wind hot cold
emotion: happy sad anxious excited proud grateful nervous scared
health: doctor sick hospital asthma diabetes surgery heart weight blood allergy pain
condition: asthma diabetes allergy arthritis anxiety
injury: ankle knee wrist back shoulder sprain broke fracture
career: counselor teacher engineer doctor nurse writer actor designer programmer coach chef lawyer
field: psychology counseling medicine law engineering education computer business
degree: psychology engineering business law medicine computer politics
job: engineer teacher nurse manager waiter developer accountant designer barista
subject: math history science english art biology
language: english spanish french german italian japanese chinese portuguese korean arabic
season: summer winter spring fall autumn
month: january february march april may june july august september october november december
weekday: monday tuesday wednesday thursday friday saturday sunday
brand: nike adidas puma apple samsung sony
company: google apple amazon microsoft nike
device: phone laptop computer tablet watch camera console
social: instagram tiktok facebook twitter youtube
platform: instagram tiktok twitch youtube facebook
holiday: christmas thanksgiving halloween easter
religion: church god pray faith bible buddhist
politics: election campaign vote mayor office policy party
financial: money debt loan budget broke afford savings pay
support: friend family mentor group help
damage: flood fire broke storm crack
disaster: flood fire storm hurricane earthquake tornado
`;

/** Words that may be told where another is asked. Forms of it count nearly as much as itself. */
export type Kin = { readonly forms: readonly string[]; readonly fields: readonly string[] };

/** By stem; words, not stems, since the index makes its own of them. */
type Links = Map<string, Set<string>>;

function link(into: Links, from: string, to: string): void {
  const stem = stemOf(from);
  if (stem !== stemOf(to)) into.set(stem, (into.get(stem) ?? new Set()).add(to));
}

const wordsIn = (group: string) => group.trim().split(/\s+/);

/** Made by the first question: it is 5 MB, which a house that asks nothing does without. */
let made: { forms: Links; fields: Links } | undefined;

function links() {
  if (made) return made;
  const forms: Links = new Map();
  const fields: Links = new Map();
  for (const [table, into] of [
    [FORMS, forms],
    [SAME, fields],
  ] as const) {
    for (const group of table.trim().split(/[|\n]/)) {
      const words = wordsIn(group);
      for (const from of words) for (const to of words) link(into, from, to);
    }
  }
  for (const line of KINDS.trim().split('\n')) {
    const [whole = '', kinds = ''] = line.split(':');
    for (const kind of wordsIn(kinds)) link(fields, whole, kind);
  }
  made = { forms, fields };
  return made;
}

export function kinOf(stem: string): Kin {
  const { forms, fields } = links();
  const same = [...(forms.get(stem) ?? [])];
  const stems = [stem, ...same.map(stemOf)];
  // What a form of it stands for, it stands for too.
  const wider = new Set(stems.flatMap((form) => [...(fields.get(form) ?? [])]));
  return { forms: same, fields: [...wider].filter((other) => !stems.includes(stemOf(other))) };
}
