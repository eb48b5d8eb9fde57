/** Who talks to the assistant of bench/recall/assistant.json, what they tell it, and what they ask for later. Made up. */

export type Topic = 'food' | 'travel' | 'work' | 'code' | 'health' | 'home' | 'money' | 'leisure';
export type Told = {
  key: string;
  session: number;
  topic: Topic;
  text: string;
  /** What the reply says of it; of a short reply, all that it says. */
  says?: string;
  short: boolean;
};
export type Person = {
  name: string;
  told: Told[];
  asked: { category: string; question: string; evidence: string[] }[];
};

/** `key session topic text`, and after ` => ` what the reply says (after ` -> ` it says nothing else). */
function told(lines: string): Told[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [, key = '', session = '', topic = '', text = '', sign, says] =
        /^(\w+) (\d+) (\w+) (.*?)(?: (=>|->) (.*))?$/.exec(line) ?? [];
      const reply = says === undefined || says === '' ? {} : { says };
      return { key, session: Number(session), topic: topic as Topic, text, ...reply, short: sign === '->' };
    });
}

/** `category keys: question`; a key with `!` means the reply. */
function asked(lines: string): Person['asked'] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [, category = '', keys = '', question = ''] = /^(\S+) ([\w!,]+): (.*)$/.exec(line) ?? [];
      return { category, question, evidence: keys.split(',') };
    });
}

export const people: Person[] = [
  {
    name: 'Nora',
    told: told(`
lis 1 home I'm an architect, and we moved into a flat in Lisbon's Graça quarter last month.
cat 1 home Our cat Pimenta scratches the new sofa all night, any tricks? => For Pimenta, put a sisal post right beside the sofa arm and cover the fabric with double-sided tape for two weeks.
veg 1 food I don't eat meat, but fish is fine for me. ->
bro 2 travel My brother Henrik gets married in Bergen on the 20th of June. What do I pack? => For a June wedding in Bergen take a light wool coat, because it rains two days out of three there.
dent 2 health I have a dentist appointment with Dr. Salgado on Thursday, I'm dreading it.
budg 2 money We set aside 1,400 euros a month for the kitchen renovation.
port 3 leisure I started Portuguese lessons on Tuesdays with a teacher called Beatriz.
cof 3 food I like my coffee black, nothing in it. -> Black coffee it is.
knee 3 health My left knee hurts after running on the cobblestones. => With that knee, switch to the flat riverside path at Belém and keep it under five kilometres for three weeks.
comp 4 work We handed in our entry for the library competition in Braga yesterday.
tile 4 home For the kitchen I can't choose between green zellige tiles and white ones. => If the room faces north, the green zellige will look grey by noon; I would take the white ones with a green border.
run 4 leisure I signed up for the half marathon in Porto in October.
flat 5 home The landlord raised our rent to 1,250 from March on.
laura 5 leisure My friend Laura is visiting over Easter with her twins.
nuts 5 food Careful with recipes: hazelnuts make my throat swell.
win 6 work We won second prize in Braga! The jury loved the reading garden.
tile2 6 home We went for the white tiles after all, the mason comes on the ninth. ->
boss 6 work My boss Tiago asked whether I want to lead the school project in Setúbal.
cof2 7 food I've gone off black coffee, I take it with oat milk now. -> Oat milk from now on.
budg2 7 money The kitchen costs more than we thought, so we now put 1,900 euros a month aside for it.
vera 7 leisure Can you suggest a novel for a long train ride? I like slow family stories. => You might enjoy The Maias by Eça de Queirós, a slow family story that is set in Lisbon.
lead 8 work I said yes to Tiago, I lead the Setúbal school from May.
knee2 8 health The physiotherapist says it is the meniscus, no running until August.
gift 8 leisure What could I give Henrik and Solveig for the wedding? => A hand-painted Viúva Lamego tile panel with their names would travel well and nobody else will bring one.
fly 9 travel I booked the flight to Bergen, TAP, leaving on 18 June at 7:05.
mum 9 health My mother had her hip operated in Oslo, she is home again.
port2 9 leisure Beatriz moved our lesson from Tuesdays to Fridays at six.
half 10 leisure I gave my place in Porto to a colleague because of the meniscus.
car 10 money We sold the Volvo for 6,300 euros, in the city we don't need a car.
allot 11 home We got a plot in the community garden behind the Senhora do Monte viewpoint. => In that shade grow chard, mint and broad beans; tomatoes need six hours of sun that the wall takes away.
wed 11 leisure The wedding was lovely, Henrik cried through his whole speech.
set 12 work The school in Setúbal got its building permit this morning.
alarm 12 home The alarm company calls on Mondays, our customer number with them is 88 41 07.
move 13 work I quit at Tiago's office, from September I work for myself.
vet 13 health Pimenta weighs 6.4 kilos, the vet put her on a diet. => For a cat like Pimenta the vet's target is 5 kilos, so give 45 grams of dry food a day in three portions.
name 14 work My studio will be called Ateliê Vento.
acc 14 money I need an accountant for the studio, somebody recommended Rui Falcão.
`),
    asked: asked(`
extraction lis: Which part of the city do we live in?
extraction cat: What is my cat called?
assistant cat!: What did you tell me to do about the scratched sofa?
extraction veg: Do I eat meat or fish?
temporal bro: When is my brother's wedding?
extraction dent: Who is my dentist?
update cof,cof2: How do I take my coffee?
preference cof2: Should I order milk for my coffee, and which?
update budg,budg2: How much do we put aside each month for the kitchen?
extraction port: Who teaches me Portuguese?
update port,port2: On which day is my language lesson?
temporal knee2: Until when must I not run?
assistant knee!: Which route did you suggest for running with my knee?
multi-session knee,knee2,half: What came of my knee trouble and the half marathon?
extraction comp: What was the competition in Braga for?
extraction win: How did we do in the competition?
multi-session comp,win: Tell me the story of the library entry.
assistant tile!: What did you say about green tiles in a room that faces north?
update tile,tile2: Which tiles did we choose for the kitchen?
extraction flat: How high is our rent?
preference nuts: Is there a food that I must avoid?
extraction nuts: What happens to me when I eat hazelnuts?
temporal laura: Who came to see us at Easter?
update boss,lead,move: Do I still work in Tiago's office?
extraction lead: Which project do I lead?
multi-session boss,lead,set: How did the school project develop?
assistant vera!: Which novel did you recommend for the train?
preference vera: What kind of stories do I like to read?
assistant gift!: What was your idea for a wedding present?
temporal fly: At what time does my plane to Bergen leave?
extraction mum: Where was my mother operated?
extraction car: What did we get for the Volvo?
assistant allot!: What can I grow in the shade of the garden plot?
extraction alarm: What is our customer number with the alarm company?
extraction vet: How heavy is Pimenta?
assistant vet!: How many grams of dry food should the cat get?
extraction name: What is the name of my studio?
extraction acc: Which accountant was recommended to me?
multi-session move,name,acc: What do you know of my plans to be self-employed?
`),
  },
  {
    name: 'Tomasz',
    told: told(`
job 1 work I write firmware for ship radios at Navtor in Gdańsk. ->
board 1 code Our build breaks on the new board: undefined reference to spi_lock_acquire. => That symbol lives in the vendor's librt_hal, so add it after your own objects on the linker line.
kid 1 leisure My daughter Zosia turns eight on the third of February.
chess 2 leisure I play chess on Lichess as balticbishop, mostly rapid.
bike 2 leisure I ride to work, eleven kilometres each way, on a blue Kona.
back 2 health The doctor prescribed me 20 mg of omeprazole for the heartburn.
srv 3 code The home server runs Debian on an old ThinkPad, its address is 192.168.7.20. ->
photo 3 code How should I back up 900 GB of family photos? => Keep one copy on the ThinkPad, one on an external disk in a drawer, and one with Hetzner's storage box, encrypted by restic.
pass 3 travel My passport runs out on 12 September, remind me to renew it in time. ->
zosia 4 leisure Zosia got a red violin for her birthday and wants to join the school orchestra.
tabs 4 code Please write code for me with tabs, I can't stand spaces. -> Tabs it is, in every example.
loan 4 money The mortgage is with mBank, 2,860 złoty a month until 2041.
wife 5 leisure Ewa, my wife, trains for a triathlon in Gdynia in July.
sea 5 travel We want to spend two weeks in August by a lake in Masuria. => For a quiet week near Mikołajki look at the cottages in Krutyń, right on the kayak route.
bug 5 code The watchdog resets the radio every 49 days, any idea? => Forty-nine days is where a 32-bit millisecond counter wraps, so compare times by subtraction and never by less-than.
bee 6 home My father-in-law Jerzy left us two beehives. => In your climate the hives need eighteen kilos of stored honey each before winter.
tabs2 6 code We adopted clang-format at work, so use four spaces in code from now on. -> Four spaces from now on.
dent 6 money The car inspection of the Skoda is due on 28 May.
om 7 health The stomach doctor moved me from 20 to 40 mg of omeprazole.
orch 7 leisure Zosia was taken by the orchestra, they rehearse on Wednesday afternoons.
kub 7 code I'd like to learn Rust this year, where do I start? => Port your radio's checksum module to Rust first: it is small, has no hardware in it, and your C tests can stay.
tri 8 leisure Ewa broke a toe, so no triathlon for her this summer.
masu 8 travel We booked the cottage in Krutyń from the 8th to the 22nd of August.
ip 8 code I gave the server a new address, it is 10.0.4.2 now, because of the new router. ->
boat 9 work They asked me to go to Singapore for the sea trials in November.
honey 9 home First honey! Fourteen kilos from the two hives.
chess2 9 leisure I passed 2000 on Lichess last night, with the Caro-Kann.
pass2 10 travel I renewed the passport, the new one is valid until 2036.
peanut 10 food Zosia's friend Hania comes for dinner on Saturday, she can't have gluten. => For a child who cannot have gluten make potato pancakes with rice flour and apple sauce.
sing 10 work I told them no about Singapore, Ewa can't manage alone with her foot.
kona 11 money My Kona was stolen in front of the station, police report number GD-5512.
mem 11 code The radio leaks 64 bytes with each distress call. => It smells like the parsed MMSI string that is duplicated in dsc_parse and never freed on the retry path.
bike2 12 leisure I bought a used Canyon, grey, the insurance paid 4,200 złoty.
rust 12 code The checksum module runs in Rust now, it took three evenings.
teach 13 leisure Mrs. Kalinowska, the violin teacher, moves to Warsaw, we look for another one.
team 13 work From October I lead the team, six people, because Marek leaves Navtor.
teach2 14 leisure The new violin teacher is Mr. Brzozowski, he lives in our street.
win 14 home Before winter I have to insulate the hives, with what? => Use 30 mm cork boards on three sides and leave the entrance side bare.
`),
    asked: asked(`
extraction job: What do I do for a living?
assistant board!: Which library had the missing symbol spi_lock_acquire?
temporal kid: When is Zosia's birthday?
extraction chess: What is my user name on Lichess?
extraction bike: How far is my way to work?
update back,om: What dose of omeprazole do I take?
update srv,ip: What is the address of the home server?
assistant photo!: Where did you say the copies of the photos should be?
extraction photo: How much space do our family pictures take?
update pass,pass2: How long is my passport valid?
extraction zosia: Which instrument does my daughter play?
update tabs,tabs2: Should code be indented with tabs or spaces?
preference tabs2: How do I want code to be formatted?
extraction loan: What do we pay for the mortgage each month?
temporal loan: Until which year does the house loan run?
extraction wife: What is my wife's name?
update wife,tri: Does Ewa take part in the triathlon?
assistant sea!: Which village by the lake did you suggest?
temporal masu: When do we go on holiday to the lake?
assistant bug!: Why does the radio reset every 49 days?
extraction bee: Who left us the beehives?
assistant bee!: How much honey must be left for the bees in winter?
temporal dent: When is the car inspection due?
temporal orch: On which day does the orchestra rehearse?
assistant kub!: What should I port first to learn Rust?
multi-session kub,rust: How is my learning of Rust going?
update boat,sing: Do I travel to Singapore?
extraction honey: How much honey did we harvest?
extraction chess2: Which opening did I play when I passed 2000?
preference peanut: What must I mind when Hania eats with us?
assistant peanut!: What did you suggest to cook for the girl without gluten?
extraction kona: What is the number of the police report for the stolen bicycle?
multi-session bike,kona,bike2: Which bicycles have I had this year?
extraction bike2: What did the insurance pay?
assistant mem!: Where does the memory leak in the radio come from?
update teach,teach2: Who teaches Zosia the violin?
extraction team: How many people are in the team that I lead?
temporal team: From when on am I the team lead?
assistant win!: Which boards should go around the hives?
multi-session zosia,orch,teach2: What do you know about Zosia and her violin?
`),
  },
  {
    name: 'Amara',
    told: told(`
nurse 1 work I'm a night nurse on the children's ward in Leeds, three shifts a week.
mill 1 health My blood pressure was 148 over 95 this morning, is that a lot? => With readings above 140 over 90 on three mornings you should see your GP within the week.
spice 1 food I love spicy food, the hotter the better. ->
dad 2 leisure My dad Chidi still lives in Enugu, he is turning seventy on 14 March.
choir 2 leisure I sing alto in the gospel choir at St. Mark's.
rent 2 money My flatmate Priya and I split the rent, 430 pounds each.
pill 3 health The GP put me on amlodipine, 5 mg, every evening. ->
course 3 work I want to become a nurse practitioner, what would that take? => The master's at Leeds Beckett takes two years part time and wants a letter from your ward manager.
trip 3 travel I'm flying to Enugu for dad's party, a week from the 10th of March.
swim 4 health I swim on Sunday mornings at the Kirkstall pool.
party 4 leisure What can I say in my speech for him? => Open with the day he taught you to ride the Raleigh bicycle in the churchyard, and end with his proverb about the patient farmer.
uncle 5 leisure The party was wonderful, uncle Emeka came all the way from Houston.
ulc 5 food The doctor says it's an ulcer: no spicy food for me any more. -> Mild food from now on.
app 5 work I sent my application to Leeds Beckett.
phone 6 money My new phone number ends in 7731, it's with Giffgaff. ->
plant 6 home The fiddle-leaf fig drops its leaves, what is wrong? => A fig that drops its lower leaves stands too wet: water it only when the top four centimetres are dry.
priya 6 leisure Priya is engaged to Daniel, they marry next spring.
nights 7 work I go off nights: from June I'm on days in the outpatient clinic.
int 7 work The interview at Leeds Beckett is on Wednesday at ten. => For the interview prepare one case where you disagreed with a doctor and how the child fared.
rent2 8 money Priya moves out in July, I'll pay the whole 860 alone until I find somebody.
got 8 work They took me! The course begins on 21 September.
bp 8 health Blood pressure is down to 126 over 80 with the tablets.
solo 9 leisure I sing my first solo on Pentecost, Amazing Grace.
flat 9 home A woman named Ingrid came to see the room, she is a baker from Malmö.
save 9 money I'd like to save for the course fees, 4,800 pounds a year. => If you move 400 pounds to the saver on each payday you have the first year's fees by next June.
ankle 10 health I twisted my ankle on the stairs of the clinic.
ing 10 home Ingrid moved in on the first, we get on well. ->
bread 10 food Ingrid bakes rye bread, can you give me her kind of recipe? => A Swedish rye loaf wants a scalded dough: pour boiling water over half of the flour the night before.
pill2 11 health The tablets made my ankles swell, so the GP changed me to ramipril, 2.5 mg.
gym 11 health No swimming for now, I do chair yoga from a video instead.
dad2 12 leisure Dad sold the house in Enugu and moves to my sister Ngozi's in Abuja.
pet 12 leisure Ingrid wants a dog, but I'm allergic to fur.
card 13 money My library card is 2 0412 9930, the PIN is with Ingrid.
book 13 leisure I finished Half of a Yellow Sun, what next? => After Half of a Yellow Sun try Stay with Me by Ayobami Adebayo, it is just as hard to put down.
uni 13 work My tutor at Leeds Beckett is Dr. Okonjo-Bright.
bike 14 travel How do I get from the clinic to the campus without a car? => The number 28 bus goes from the clinic to Headingley campus every twelve minutes.
thesis 14 work I'd like to write my thesis about pain in children who can't speak.
`),
    asked: asked(`
extraction nurse: Where do I work as a nurse?
update nurse,nights: Do I work at night?
assistant mill!: Above which readings should I see a doctor?
update mill,bp: How is my blood pressure?
update spice,ulc: Can I eat spicy food?
preference ulc: What do you have to mind when you suggest a recipe for me?
temporal dad: When does my father turn seventy?
extraction dad: What is my father called?
update dad,dad2: Where does my dad live?
extraction choir: Which voice do I sing in the choir?
update rent,rent2: How much rent do I pay?
update pill,pill2: Which tablets do I take for my blood pressure?
assistant course!: How long does the master's at Leeds Beckett take?
temporal trip: When did I fly to Nigeria?
extraction swim: Where do I swim?
update swim,gym: What exercise do I do at the moment?
assistant party!: What did you suggest for the opening of my speech?
extraction uncle: Who came from Houston to the party?
multi-session course,app,int,got: How did I get into the course?
temporal got: When does my course begin?
extraction phone: What does my phone number end in?
assistant plant!: When should I water the fig?
extraction priya: Whom does Priya marry?
temporal int: At what time was my interview?
assistant int!: Which case should I prepare for the interview?
extraction solo: Which song did I sing as a solo?
extraction flat: What is Ingrid's profession?
multi-session flat,ing,pet: What do you know about my flatmate Ingrid?
update priya,rent2,ing: Who lives with me?
extraction save: What are the fees for the course?
assistant save!: How much should I put in the saver each payday?
extraction ankle: How did I hurt my ankle?
assistant bread!: How is the flour scalded for the rye loaf?
extraction pet: Why can't we have a dog?
extraction card: What is the number of my library card?
assistant book!: Which book did you recommend after Half of a Yellow Sun?
extraction uni: Who is my tutor?
assistant bike!: Which bus goes to the campus?
extraction thesis: What is my thesis going to be about?
`),
  },
  {
    name: 'Mateo',
    told: told(`
rest 1 food I run a small restaurant in Valparaíso, La Gaviota, with eleven tables.
rice 1 food Which rice is best for a seafood dish with lots of broth? => For a brothy seafood rice take bomba, it drinks three times its volume and stays whole.
time 1 work Write me short answers, please, I read them between two orders. -> Short it is.
son 2 leisure My son Joaquín studies geology in Antofagasta.
oven 2 home The oven in the kitchen is a Rational, bought in 2019, and it shows error 34. => Error 34 on that Rational means the water level electrode is scaled: descale it, then restart.
sup 2 money Fish comes from Don Pancho at the Caleta Portales, every morning at six.
lic 3 money The alcohol licence has to be renewed by 30 April.
wine 3 food Can you pair something with conger eel stew? => With caldillo de congrio pour a cold Casablanca sauvignon blanc, not an oaked chardonnay.
close 3 work We are closed on Mondays. ->
foot 4 leisure I support Santiago Wanderers, since I was five.
tania 4 work Tania, my best waitress, is expecting a baby in August.
mig 4 health I get migraines from red wine and from cheese that is old.
rev 5 work A guest wrote a nasty review about the wait on Saturday, how do I answer? => Answer within a day, thank him by name, say that the second oven had failed, and offer the table by the window.
lic2 5 money The licence is renewed, it is good for two years now.
sup2 6 money Don Pancho retires, fish comes from his niece Rosario now, at half past six.
roof 6 home The roof over the terrace leaks where the vine grows.
jq 6 leisure Joaquín got a place on a research ship to Antarctica, from November to January.
menu 7 food I'd like a dish without fish for the new menu. => Pumpkin and mote in a smoked pepper broth would be a dish without fish that still belongs by the sea.
hire 7 work I hired a cook from Peru, Wilmer, for the ceviche.
span 7 leisure My mother Adela speaks only to her parrot since dad died.
close2 8 work From this week we close on Tuesdays instead of Mondays, because of the market. ->
loan 8 money The bank wants 9.2 percent for a loan of twelve million pesos, is it worth it? => At 9.2 percent over four years the twelve million cost you about two and a half million in interest.
guit 8 leisure I took up the guitar again, a Yamaha from my student days.
cruise 9 work A cruise company wants lunch for sixty on the 14th of June.
roof2 9 home The roofer, Señor Bahamondes, fixed the terrace for 380,000 pesos.
trip 9 travel In winter I'd like to see the desert, where should I sleep? => In San Pedro stay in the ayllu de Solor, away from the buses, and book the stars for a night without moon.
no 10 money I decided against the loan.
baby 10 leisure Tania had twins! Two girls, Inés and Olivia.
crui 10 work The lunch for the cruise people went well, they want to come each month.
doc 11 health Doctor Fuenzalida gave me sumatriptan for the headaches.
jq2 11 leisure Joaquín won't go to Antarctica, he failed the medical for his asthma.
tab 11 work I want fewer tables, nine are enough for two cooks. => With nine tables and two seatings you lose some six covers a night, so raise the menu by eight percent.
wil 12 work Wilmer leaves in October, he opens his own place in Lima.
short 12 work Your answers are too short for me now that it's the quiet season, explain more. ->
trip2 12 travel We were in San Pedro for five days, the valley of the moon at dusk was the best.
new 13 work Camila starts as cook on the first of October, she was at Boragó.
wifi 13 home The guests' wifi is called gaviota-mesa and the word is merluza2026.
adela 13 leisure My mother moved in with us, the parrot Kiko too.
prize 14 work We are in the guide! A plate in the Michelin list, the inspector had the conger.
walk 14 health What can I do about my heels after twelve hours on my feet? => For sore heels roll a frozen bottle under the arch for ten minutes each night and change the clogs every six months.
`),
    asked: asked(`
extraction rest: What is my restaurant called?
update rest,tab: How many tables does the restaurant have?
assistant rice!: Which rice did you recommend for broth?
update time,short: How long should your answers be?
preference short: Do I want you to explain more or to keep it short?
extraction son: What does my son study?
assistant oven!: What does error 34 on the oven mean?
extraction oven: When was the oven bought?
update sup,sup2: Who delivers the fish?
temporal sup2: At what time does the fish arrive now?
update lic,lic2: Until when is the alcohol licence good?
assistant wine!: Which wine goes with the conger stew?
update close,close2: On which day are we closed?
extraction foot: Which football team do I support?
temporal tania: When was Tania's baby due?
multi-session tania,baby: What do you know about Tania and her children?
extraction baby: What are the twins' names?
preference mig: What should I not drink or eat because of my head?
assistant rev!: How should I answer the nasty review?
update jq,jq2: Is Joaquín going to Antarctica?
extraction jq2: Why did Joaquín fail the medical?
assistant menu!: Which dish without fish was your idea?
extraction hire: Where does Wilmer come from?
update hire,wil,new: Who cooks for us?
extraction span: Whom does my mother talk to?
assistant loan!: How much interest would I have paid?
update loan,no: Did I take the loan?
extraction guit: Which guitar do I play?
multi-session cruise,crui: How did it go with the cruise company?
temporal cruise: When was the lunch for sixty people?
extraction roof2: What did the repair of the roof cost?
multi-session roof,roof2: What was wrong with the terrace?
assistant trip!: Where did you suggest to sleep in the desert?
extraction trip2: What was the best thing we saw in San Pedro?
extraction doc: Which doctor treats my migraine, and with what?
assistant tab!: By how much should prices rise with fewer tables?
extraction wifi: What is the password of the wifi?
extraction adela: What is the parrot's name?
extraction prize: What did the inspector eat?
assistant walk!: What helps against sore heels?
`),
  },
];

/** Small matters, and what assistants say to them at length. */
export const TALK: Record<Topic, { asks: string[]; openings: string[]; points: string[] }> = {
  food: {
    asks: [
      'What can I cook with half a cabbage and two eggs?',
      'How long does cooked rice keep in the fridge?',
      'My bread never rises properly, why?',
      'Give me an idea for a quick lunch tomorrow.',
      'Is it safe to freeze soup twice?',
      'How do I get fish off a pan without tearing it?',
      'What can replace butter in a cake?',
      'How do I keep coffee beans fresh?',
      'Which spices go with pumpkin?',
      'How many people does a kilo of pasta feed?',
    ],
    openings: [
      'Good question, and there is more than one way to go about it in the kitchen.',
      'Here is what usually works for cooks at home.',
      'Happy to help with that dish. The short version is that patience beats heat.',
    ],
    points: [
      'Salt the water well before anything else goes in, and taste it once it boils.',
      'Let the pan get hot before the oil, and the oil hot before the fish or the vegetables.',
      'Keep a jar of stock in the freezer, it turns leftovers into a soup in ten minutes.',
      'A spoon of vinegar at the end wakes up almost any stew without making it sour.',
      'Rice keeps for one day in the fridge, cooked beans for three, and soup for four.',
      'If you cook for friends with an allergy, write every ingredient down before you shop.',
      'Bread wants time rather than yeast: a slow night in the cold gives it more taste.',
      'Coffee goes stale by air and light, so buy small bags and keep them closed in a cupboard.',
      'Milk, oat milk and cream all curdle in a boiling sauce, take the pot off the stove first.',
      'Roast spices for a minute in a dry pan, then grind them, and use half of what you think.',
      'A recipe that says twenty minutes rarely counts the washing and the chopping.',
      'Serve small portions first, people like to ask for more.',
    ],
  },
  travel: {
    asks: [
      'What should always be in a carry-on?',
      'How early do I have to be at the airport?',
      'Is travel insurance worth the money?',
      'How do I sleep better on a night train?',
      'What is the cheapest day to book a flight?',
      'How do I avoid roaming costs?',
      'Can you explain the liquids rule for hand luggage?',
      'Any tips against jet lag?',
    ],
    openings: [
      'That depends a little on where you travel, but these hold nearly everywhere.',
      'Let us plan this trip step by step.',
      'Travelling gets easier with a short list, so here is one.',
    ],
    points: [
      'Book the flight first and the room second, rooms can be changed for free more often.',
      'Keep a copy of your passport on your phone and another one in the suitcase.',
      'For a wedding or a party abroad, carry the outfit with you and never check it in.',
      'Trains are slower than planes only on paper, count the way to the airport as well.',
      'Two weeks by a lake cost about what one week by the sea does in August.',
      'Set your watch to the new time zone when you board and eat by it.',
      'Look for a room away from the station if you sleep lightly.',
      'Buy the bus ticket in the application, the driver often has no change.',
      'Pack for five days even if you stay for ten, there is soap everywhere.',
      'Ask at the desk which street to avoid after dark, people tell you gladly.',
    ],
  },
  work: {
    asks: [
      'Help me word a polite reminder for an unpaid bill.',
      'How do I run a meeting that does not drag on?',
      'Can you make this sentence friendlier: "Send me the file today"?',
      'What is a good way to say no to my boss?',
      'How do I prepare for a yearly review?',
      'Draft two lines to thank the team for the week.',
      'How do I take notes that I find again?',
      'What makes a good job interview question?',
    ],
    openings: [
      'Here is a way that tends to work in most offices.',
      'Let me suggest a few things, from the quick ones to the slow ones.',
      'I would keep it short and friendly, and go about it like this.',
    ],
    points: [
      'Write the purpose of the meeting in one line, and cancel it when there is none.',
      'Say what you can do and by when, before you say what you cannot.',
      'Lead a project by its next step: who does what, until which day.',
      'A team of six needs one list, not six.',
      'Ask your boss which of two things should wait, that answers most requests.',
      'In an interview let the other one talk for the first ten minutes.',
      'Thank people by name and for one thing that they really did.',
      'Put the question in the first line of a mail, and the story below it.',
      'A new course or a new job begins with learning who decides.',
      'Review the week on Friday before you close the computer.',
      'Prizes and competitions are won by the drawing that explains itself.',
    ],
  },
  code: {
    asks: [
      'What does "segmentation fault" really mean?',
      'How do I undo my last git commit?',
      'Explain a mutex to a twelve-year-old.',
      'Why is my regular expression so slow?',
      'What is the difference between a process and a thread?',
      'How do I find out what fills the disk?',
      'Is it worth writing tests for a small script?',
      'How do I name branches sensibly?',
    ],
    openings: [
      'This comes up often, and the cause is usually one of a few.',
      'Let us narrow it down from the outside in.',
      'Here is how I would look at that code.',
    ],
    points: [
      'Read the first error, not the last: the others mostly follow from it.',
      'Make the build print every command, then run the failing one by hand.',
      'Write a test that shows the bug before you touch the code.',
      'A memory leak shows in a graph long before it shows in a crash.',
      'Give the server a fixed address and write it down where you find it again.',
      'A backup that was never restored is a hope, not a backup.',
      'Keep your checksum and your parser apart, they change for different reasons.',
      'Spaces or tabs matter less than that a tool decides it for the whole team.',
      'Do not catch an exception that you cannot do anything about.',
      'Counters wrap, clocks jump, and disks fill: test all three.',
      'Port a module at a time and let the old tests stay.',
    ],
  },
  health: {
    asks: [
      'How much water should I drink in a day?',
      'What helps against a stiff neck?',
      'How do I get back to sleep at four in the morning?',
      'Are ten thousand steps a day really needed?',
      'How long does a cold last?',
      'What is a good stretch after sitting all day?',
      'Is it fine to exercise with a cold?',
      'How do I start with yoga?',
    ],
    openings: [
      'I am no doctor, so take this as general advice only.',
      'Here is what the usual guidance says about your health.',
      'That is a common complaint, and mostly harmless.',
    ],
    points: [
      'See your doctor when it lasts longer than two weeks or wakes you at night.',
      'Move a hurt knee or ankle gently every hour rather than resting it all day.',
      'Take tablets at the same time each day and keep a list of the dose.',
      'Measure blood pressure sitting, after five quiet minutes, twice.',
      'Swimming is kind to the joints, running is not, and walking is in between.',
      'A headache that comes with certain food is worth a diary.',
      'Sleep in a cool dark room and leave the phone outside of it.',
      'Stretch slowly, breathe out, and stop before it hurts.',
      'An allergy can get worse with time, so have it looked at once.',
      'Drink when you are thirsty, and a little more when it is hot.',
      'Ask the pharmacist before you mix a new tablet with an old one.',
    ],
  },
  home: {
    asks: [
      'How do I get candle wax out of a tablecloth?',
      'The tap drips, can I fix that myself?',
      'Which plants survive a dark hallway?',
      'How often should I descale the kettle?',
      'How do I hang a heavy mirror on a thin wall?',
      'What removes mould from the bathroom?',
      'How do I keep moths out of the wardrobe?',
      'Is a dehumidifier worth it in winter?',
    ],
    openings: [
      'You can do most of that yourself in an afternoon.',
      'A few simple steps help in most homes.',
      'Before you call anybody, try this.',
    ],
    points: [
      'Turn the water off at the wall before you touch the tap.',
      'Choose tiles in the light of the room, not in that of the shop.',
      'A plant that drops its leaves has had too much water more often than too little.',
      'Air the flat twice a day for five minutes, winter or summer.',
      'Descale the oven and the kettle once a month where the water is hard.',
      'Ask the landlord in writing and put a date into the letter.',
      'Fix a roof in the dry season, roofers are cheaper then.',
      'Cover the sofa for the first weeks when a cat or a dog moves in.',
      'Grow herbs on the sunny side and salad on the other.',
      'Keep the numbers of the alarm, the plumber and the neighbour on the fridge.',
      'Insulate what faces the wind first.',
    ],
  },
  money: {
    asks: [
      'How do I read a payslip?',
      'Is it better to pay off a loan early or to save?',
      'What is an emergency fund?',
      'How do I split a bill fairly among five?',
      'What does inflation do to my savings?',
      'Can you explain compound interest in two lines?',
      'How do I cancel a gym contract?',
      'What should I keep receipts for?',
    ],
    openings: [
      'Money questions have boring answers, and those are the good ones.',
      'Here is a simple way to look at the numbers.',
      'Let us put the figures side by side.',
    ],
    points: [
      'Put aside the same amount on each payday, before the rent and everything else.',
      'A loan costs what its interest adds over all the years, not what the month says.',
      'Renew licences and insurance a month early, and write the date down.',
      'Split the rent by the size of the rooms if they differ much.',
      'Keep receipts for two years, for a renovation for ten.',
      'Three months of expenses are a good start for savings.',
      'Sell a car in spring and buy one in autumn.',
      'Ask two suppliers for a price before you ask the one you like.',
      'An accountant pays for herself in the first year of your own business.',
      'Fees are certain, profits are not.',
    ],
  },
  leisure: {
    asks: [
      'What board game is fun for two?',
      'How do I get better at small talk?',
      'Recommend a calm album for the evening.',
      'What can I do with kids on a rainy Sunday?',
      'How do I learn the names of birds?',
      'What is a nice birthday surprise for a colleague?',
      'How do I begin to read poetry?',
      'Tell me a riddle.',
    ],
    openings: [
      'What a nice thing to do with your time.',
      'There is plenty to choose from, so here are a few ideas.',
      'I would begin small and see what sticks.',
    ],
    points: [
      'A present that is used up is often the best: honey, soap, a good book.',
      'Practise an instrument for ten minutes every day rather than an hour on Sunday.',
      'A speech is good when it tells one story and ends.',
      'Join a choir, a club or a class where nobody knows you yet.',
      'Read the first page in the shop, and the last one never.',
      'For a wedding, ask the couple for their list before you have an idea.',
      'Children like games with few rules and much noise.',
      'Teachers matter more than violins, and rest more than both.',
      'Chess is learnt by losing slowly, so look at your own games.',
      'A novel about a family is a good companion on a train.',
      'Take a friend along, you will come back sooner.',
    ],
  },
};
