#!/usr/bin/env escript
%% Runs the scripts of statem_scripts.cpp, which tells what they mean, by gen_statem.
-module(run_scripts).
-mode(compile).
-behaviour(gen_statem).
-export([main/1, init/1, callback_mode/0, handle_event/4]).

main([File]) ->
    {ok, Text} = file:read_file(File),
    [run(Line) || Line <- string:lexemes(binary_to_list(Text), "\n")].

run(Line) ->
    Script = maps:from_list([parse(Part) || Part <- string:lexemes(Line, ";")]),
    {ok, Pid} = gen_statem:start(?MODULE, Script, []),
    ok = sys:suspend(Pid),
    [Pid ! Id || [Id] <- maps:get("mail", Script)],
    ok = sys:resume(Pid),
    Seen = gen_statem:call(Pid, diary),
    exit(Pid, kill),
    io:put_chars([lists:join(" ", Seen), "\n"]).

parse(Part) ->
    [Key, Actions] = string:split(Part, "="),
    {Key, [string:lexemes(Action, " ") || Action <- string:lexemes(Actions, "|")]}.

callback_mode() -> [handle_event_function, state_enter].

init(Script) -> {ok, a, {Script, [], 0}, given(Script, "init", 0)}.

handle_event(enter, From, State, {Script, Seen, Handled}) ->
    Entered = [atom_to_list(State), "<", atom_to_list(From)],
    {keep_state, {Script, [Entered | Seen], Handled},
     given(Script, "n" ++ atom_to_list(State), Handled)};
handle_event({call, From}, diary, _, {_, Seen, _}) ->
    {keep_state_and_data, [{reply, From, lists:reverse(Seen)}]};
handle_event(_, Id, State, {Script, Seen, Handled}) ->
    Data = {Script, [[Id, "@", atom_to_list(State)] | Seen], Handled + 1},
    All = given(Script, "e" ++ Id ++ atom_to_list(State), Handled),
    Actions = [A || A <- All, A =/= repeat, not is_next(A)],
    case [A || A <- All, A =:= repeat orelse is_next(A)] of
        [] -> {keep_state, Data, Actions};
        [repeat] -> {repeat_state, Data, Actions};
        [{state, Next}] -> {next_state, Next, Data, Actions}
    end.

is_next({state, _}) -> true;
is_next(_) -> false.

given(_, _, Handled) when Handled >= 40 -> [];
given(Script, Key, _) -> [action(Words) || Words <- maps:get(Key, Script, [])].

action(["ns", State]) -> {state, list_to_atom(State)};
action(["rp"]) -> repeat;
action(["pp"]) -> postpone;
action(["ne", Id]) -> {next_event, internal, Id};
action(["st", Id]) -> {state_timeout, 0, Id};
action(["sl", Id]) -> {state_timeout, 3600000, Id};
action(["et", Id]) -> {timeout, 0, Id};
action(["el", Id]) -> {timeout, 3600000, Id};
action(["nt", Name, Id]) -> {{timeout, Name}, 0, Id};
action(["nl", Name, Id]) -> {{timeout, Name}, 3600000, Id};
action(["sc"]) -> {state_timeout, cancel};
action(["nc", Name]) -> {{timeout, Name}, cancel}.
