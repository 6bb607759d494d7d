#!/usr/bin/env escript
%%! +S 1:1 -noinput
%% Plays histories of supervisors on Erlang/OTP and writes down what happened;
%% supervisor_player.cpp does the same with troupe. README.md has the grammar of both texts.
-mode(compile).
-export([main/1, init/1, start_sup/1, start_child/3, child_init/4]).

-define(AT_ONCE, 100).

-record(child, {id, restart, shutdown, kind, options}).
-record(play, {log, top, flags, children = [], sup = gone, ref, step = 0, out = []}).

main([In, Out]) ->
    logger:set_primary_config(level, none),
    {ok, Text} = file:read_file(In),
    Lines = binary:split(Text, <<"\n">>, [global, trim_all]),
    Scripts = scripts([binary:split(L, <<" ">>, [global]) || L <- Lines]),
    ok = file:write_file(Out, play_all(Scripts)).

scripts([]) -> [];
scripts([[<<"script">>, Seed] | Rest]) ->
    {Steps, [_ | More]} = lists:splitwith(fun(L) -> L =/= [<<"end">>] end, Rest),
    [{Seed, Steps} | scripts(More)].

%% Many at once: each waits for its children now and then.
play_all([]) -> [];
play_all(Scripts) ->
    {Now, Later} = lists:split(min(?AT_ONCE, length(Scripts)), Scripts),
    Self = self(),
    Asked = [{Seed, spawn_monitor(fun() -> Self ! {told, self(), play(Steps)} end)}
             || {Seed, Steps} <- Now],
    Told = [["script ", Seed, "\n", told(Pid, Ref), "end\n"] || {Seed, {Pid, Ref}} <- Asked],
    [Told | play_all(Later)].

told(Pid, Ref) ->
    receive
        {told, Pid, Text} -> demonitor(Ref, [flush]), Text;
        {'DOWN', Ref, process, _, Why} -> io_lib:format("broken: ~0p~n", [Why])
    end.

%% --- the driver ---------------------------------------------------------------------------------

play(Lines) ->
    process_flag(trap_exit, true),
    Log = spawn_link(fun() -> log(#{}, #{}, #{}, []) end),
    P = lists:foldl(
          fun(Words, P0) ->
                  P1 = step(Words, P0#play{step = P0#play.step + 1}),
                  case Words of
                      [Setup | _] when Setup =:= <<"sup">>; Setup =:= <<"child">> -> P1;
                      _ -> settle(Words, P1)
                  end
          end, #play{log = Log}, Lines),
    [exit(Pid, kill) || {_, Pid} <- ask(Log, alive)],
    is_pid(P#play.sup) andalso exit(P#play.sup, kill),
    unlink(Log),
    exit(Log, kill),
    lists:reverse(P#play.out).

step([<<"sup">>, Strategy, Intensity, Auto], P) ->
    P#play{top = Strategy, flags = flags(Strategy, Intensity, Auto)};
step([<<"child">> | Words], P) -> P#play{children = P#play.children ++ [child(Words, P)]};
step([<<"start">>], P) ->
    case start_sup({P#play.flags, specs(P)}) of
        {ok, Sup} -> say("started", P#play{sup = Sup, ref = monitor(process, Sup)});
        {error, {shutdown, {failed_to_start_child, Id, _}}} ->
            say(["start failed ", Id], P#play{sup = gone});
        {error, Other} -> say(io_lib:format("broken: ~0p", [Other]), P#play{sup = gone})
    end;
step([<<"crash">>, Id, Why], P) ->
    case ask(P#play.log, {running, Id}) of
        none -> say("none", P);
        Pid ->
            Ref = monitor(process, Pid),
            case Why of
                <<"kill">> -> exit(Pid, kill);
                _ -> Pid ! {crash, Why}
            end,
            receive {'DOWN', Ref, process, _, _} -> P end
    end;
step([<<"heal">>, Id], P) -> P#play.log ! {heal, Id}, P;
step(_, #play{sup = gone} = P) -> say("gone", P);
step([<<"add">> | Words], P) ->
    What = case P of
               #play{top = <<"simple_one_for_one">>, children = [#child{kind = Kind} | _]} ->
                   [Id | Options] = Words,
                   child([Id, <<"temporary">>, <<"brutal">>, Kind | Options], P),
                   [Id, Kind];
               _ -> spec(child(Words, P), P)
           end,
    say(result(call(P, fun(Sup) -> supervisor:start_child(Sup, What) end)), P);
step([<<"terminate">>, Id], P) ->
    case P#play.top of
        <<"simple_one_for_one">> ->
            case ask(P#play.log, {last, Id}) of
                none -> say("none", P);
                Pid ->
                    Ended = not is_process_alive(Pid),
                    case call(P, fun(S) -> supervisor:terminate_child(S, Pid) end) of
                        ok when Ended -> say("~ended_child", P);
                        R -> say(result(R), P)
                    end
            end;
        _ -> say(result(call(P, fun(Sup) -> supervisor:terminate_child(Sup, Id) end)), P)
    end;
step([<<"restart">>, Id], P) ->
    say(result(call(P, fun(Sup) -> supervisor:restart_child(Sup, Id) end)), P);
step([<<"delete">>, Id], P) ->
    say(result(call(P, fun(Sup) -> supervisor:delete_child(Sup, Id) end)), P);
step([<<"stop">>], P) -> exit(P#play.sup, shutdown), ended(P);
step([<<"kill">>], P) -> exit(P#play.sup, kill), ended(P).

call(P, Function) ->
    try Function(P#play.sup) catch exit:_ -> gone end.

result(ok) -> "ok";
result({ok, undefined}) -> "ok ignored";
result({ok, Pid}) when is_pid(Pid) -> "ok started";
result({error, {already_started, _}}) -> "error already_started";
result({error, Why}) when Why =:= already_present; Why =:= not_found; Why =:= running;
                          Why =:= restarting -> ["error ", atom_to_list(Why)];
result({error, init_failed}) -> "error start_failed";  % of a dynamic one, or of restart_child
result({error, {shutdown, {failed_to_start_child, _, _}}}) -> "error start_failed";
result({error, {What, Child}}) when is_tuple(Child), element(1, Child) =:= child ->
    result({error, What});
result({error, Other}) -> io_lib:format("error ~0p", [Other]);
result(gone) -> "gone".

%% The supervisor has ended, or is about to.
ended(P) ->
    Ref = P#play.ref,
    receive
        {'DOWN', Ref, process, _, Why} -> say(["end ", reason(Why)], P#play{sup = gone})
    end.

say(Text, P) -> P#play{out = [io_lib:format("~b ~s~n", [P#play.step, Text]) | P#play.out]}.

%% Until two looks at the tree show the same, and then what every child and the log have received.
settle(Words, P) ->
    {Tree, P1} = quiet_tree(none, P),
    [sync(Pid) || {_, Pid} <- ask(P#play.log, alive)],
    Events = ask(P#play.log, take),
    Unordered = P#play.top =:= <<"simple_one_for_one">> orelse Words =:= [<<"kill">>],
    Sorted = case Unordered of
                 true -> lists:keysort(1, Events);  % children of which nobody promises an order
                 false -> Events
             end,
    P2 = case Sorted of
             [] -> P1;
             _ -> say(["log ", lists:join(" ", [[Sign, Id, More] || {Id, Sign, More} <- Sorted])], P1)
         end,
    case Tree of gone -> P2; _ -> say(["tree ", Tree], P2) end.

quiet_tree(_, #play{sup = gone} = P) -> {gone, P};
quiet_tree(Before, P) ->
    case catch [walk(P#play.sup, P, P#play.top), " count ", counts(P)] of
        {'EXIT', _} ->
            case is_process_alive(P#play.sup) of
                true -> quiet_tree(none, P);  % a supervisor below has ended meanwhile
                false -> {gone, ended(P)}
            end;
        Text ->
            Now = {lists:flatten(Text), ask(P#play.log, count)},
            Settled = string:find(element(1, Now), "restarting") =:= nomatch
                orelse ask(P#play.log, broken),
            case Now =:= Before andalso Settled of
                true -> {element(1, Now), P};
                false -> quiet_tree(Now, P)
            end
    end.

walk(Sup, P, <<"simple_one_for_one">>) ->
    Names = [{Pid, Id} || {Id, Pid} <- ask(P#play.log, alive)],
    lists:join(" ", lists:sort([state(proplists:get_value(Pid, Names, <<"x">>), Pid, worker, P)
                                || {_, Pid, _, _} <- supervisor:which_children(Sup)]));
walk(Sup, P, _) ->
    lists:join(" ", [state(Id, Pid, Type, P)
                     || {Id, Pid, Type, _} <- lists:reverse(supervisor:which_children(Sup))]).

state(Id, Pid, supervisor, P) when is_pid(Pid) -> [binary_to_list(Id), "[", walk(Pid, P, <<>>), "]"];
state(Id, Pid, _, _) when is_pid(Pid) -> binary_to_list(Id) ++ ":running";
state(Id, undefined, _, _) -> binary_to_list(Id) ++ ":stopped";
state(_, restarting, _, _) -> "restarting".

counts(P) ->
    Counts = supervisor:count_children(P#play.sup),
    [A, S, W] = [proplists:get_value(K, Counts) || K <- [active, supervisors, workers]],
    case P#play.top of
        <<"simple_one_for_one">> -> io_lib:format("~~specs ~b ~b ~b", [A, S, W]);
        _ -> io_lib:format("~b ~b ~b ~b", [proplists:get_value(specs, Counts), A, S, W])
    end.

sync(Pid) ->
    Ref = monitor(process, Pid),
    Pid ! {ping, self(), Ref},
    receive {pong, Ref} -> demonitor(Ref, [flush]); {'DOWN', Ref, process, _, _} -> ok end.

%% --- specifications -----------------------------------------------------------------------------

flags(Strategy, Intensity, Auto) ->
    #{strategy => binary_to_atom(Strategy), intensity => binary_to_integer(Intensity),
      period => 3600,
      auto_shutdown => maps:get(Auto, #{<<"never">> => never, <<"any">> => any_significant,
                                        <<"all">> => all_significant})}.

%% The plan of its starts goes to the log.
child([Id, Restart, Shutdown, Kind | Options], P) ->
    P#play.log ! {plan, Id, numbers(<<"fail:">>, Options), numbers(<<"ignore:">>, Options),
                  numbers(<<"broken:">>, Options)},
    #child{id = Id, restart = binary_to_atom(Restart), kind = Kind, options = Options,
           shutdown = case Shutdown of
                          <<"brutal">> -> brutal_kill;
                          <<"infinity">> -> infinity;
                          Ms -> binary_to_integer(Ms)
                      end}.

numbers(Key, Options) ->
    Size = byte_size(Key),
    lists:append([[binary_to_integer(N) || N <- binary:split(Rest, <<"+">>, [global])]
                  || <<K:Size/binary, Rest/binary>> <- Options, K =:= Key]).

specs(P) -> [spec(C, P) || C <- P#play.children, binary:match(C#child.id, <<".">>) =:= nomatch].

spec(#child{id = Id, kind = Kind} = C, P) ->
    Start = case {Kind, P#play.top} of
                {<<"sup">>, _} ->
                    [_, S, I, A] = lists:dropwhile(fun(W) -> W =/= <<"is">> end, C#child.options),
                    Below = [spec(B, P) || B <- P#play.children,
                                           string:prefix(B#child.id, [Id, "."]) =/= nomatch],
                    {?MODULE, start_sup, [{flags(S, I, A), Below}]};
                {_, <<"simple_one_for_one">>} -> {?MODULE, start_child, [P#play.log]};
                _ -> {?MODULE, start_child, [P#play.log, Id, Kind]}
            end,
    #{id => Id, start => Start, restart => C#child.restart, shutdown => C#child.shutdown,
      significant => lists:member(<<"significant">>, C#child.options),
      type => case Kind of <<"sup">> -> supervisor; _ -> worker end}.

start_sup(Arg) -> supervisor:start_link(?MODULE, Arg).
init(Arg) -> {ok, Arg}.

%% --- the children -------------------------------------------------------------------------------

start_child(Log, Id, Kind) -> proc_lib:start_link(?MODULE, child_init, [self(), Log, Id, Kind]).

child_init(Parent, Log, Id, Kind) ->
    process_flag(trap_exit, Kind =/= <<"plain">>),
    case ask(Log, {starting, Id}) of
        fail -> exit(init_failed);
        broken -> timer:sleep(1), exit(init_failed);  % OTP's restarts take longer the more there are
        ignore -> unlink(Parent), proc_lib:init_ack(Parent, ignore);
        ok -> proc_lib:init_ack(Parent, {ok, self()}), child_loop(Kind)
    end.

child_loop(Kind) ->
    receive
        {crash, <<"error">>} -> error(boom);
        {crash, Why} -> exit(reason_of(Why));
        {ping, From, Ref} -> From ! {pong, Ref}, child_loop(Kind);
        {'EXIT', _, shutdown} ->
            case Kind of
                <<"slow:", Why/binary>> -> timer:sleep(1), exit(reason_of(Why));
                _ -> child_loop(Kind)
            end;
        {'EXIT', _, _} -> child_loop(Kind)
    end.

%% --- the log of starts and ends -----------------------------------------------------------------

ask(Log, What) ->
    Ref = make_ref(),
    Log ! {What, self(), Ref},
    receive {Ref, Answer} -> Answer end.

%% Plans: id => {starts so far, which fail, which are ignored, from which on all fail}. Running:
%% monitor => {id, pid}. How often a broken child is tried is not told.
log(Plans, Running, Last, Events) ->
    receive
        {plan, Id, Fails, Ignores, Broken} ->
            log(Plans#{Id => {0, Fails, Ignores, Broken}}, Running, Last, Events);
        {heal, Id} ->
            log(case Plans of
                    #{Id := {N, Fails, Ignores, _}} -> Plans#{Id := {N, Fails, Ignores, []}};
                    _ -> Plans
                end, Running, Last, Events);
        {broken, From, Ref} ->
            From ! {Ref, lists:any(fun is_broken/1, maps:values(Plans))},
            log(Plans, Running, Last, Events);
        {{starting, Id}, Pid, Ref} ->
            {Before, Fails, Ignores, Broken} = maps:get(Id, Plans),
            N = Before + 1,
            Plan = {N, Fails, Ignores, Broken},
            Answer = case {lists:member(N, Fails), lists:member(N, Ignores)} of
                         _ when Broken =/= [], N >= hd(Broken) -> broken;
                         {true, _} -> fail;
                         {_, true} -> ignore;
                         _ -> ok
                     end,
            Pid ! {Ref, Answer},
            case Answer of
                ok -> log(Plans#{Id := Plan}, Running#{monitor(process, Pid) => {Id, Pid}},
                          Last#{Id => Pid}, [{Id, "+", ""} | Events]);
                broken -> log(Plans#{Id := Plan}, Running, Last, Events);
                fail -> log(Plans#{Id := Plan}, Running, Last, [{Id, "+", " fails"} | Events]);
                ignore -> log(Plans#{Id := Plan}, Running, Last, [{Id, "+", " ignores"} | Events])
            end;
        {'DOWN', Ref, process, _, Why} ->
            {Id, _} = maps:get(Ref, Running),
            log(Plans, maps:remove(Ref, Running), Last, [{Id, "-", [" ", reason(Why)]} | Events]);
        {take, From, Ref} -> From ! {Ref, lists:reverse(Events)}, log(Plans, Running, Last, []);
        {{running, Id}, From, Ref} ->
            From ! {Ref, proplists:get_value(Id, maps:values(Running), none)},
            log(Plans, Running, Last, Events);
        {{last, Id}, From, Ref} ->
            From ! {Ref, maps:get(Id, Last, none)},
            log(Plans, Running, Last, Events);
        {alive, From, Ref} ->
            From ! {Ref, maps:values(Running)},
            log(Plans, Running, Last, Events);
        {count, From, Ref} ->
            From ! {Ref, length(Events)},
            log(Plans, Running, Last, Events)
    end.

is_broken({N, _, _, Broken}) -> Broken =/= [] andalso N >= hd(Broken).

reason_of(<<"s:", X/binary>>) -> {shutdown, binary_to_atom(X)};
reason_of(R) -> binary_to_atom(R).

reason({shutdown, X}) when is_atom(X) -> "s:" ++ atom_to_list(X);
reason({boom, _Stack}) -> "error";
reason(R) when is_atom(R) -> atom_to_list(R);
reason(R) -> io_lib:format("~0p", [R]).
