function mpc = hamlet
%HAMLET  Five buses of our own, with everything that the table syntax of public cases has.
%   Comments in words, numbers such as 1 2 3 and brackets ] in them are no tables.

%% MATPOWER Case Format : Version 2
mpc.version = '2';

%{
mpc.baseMVA = 999;   % a block of comment
%}
mpc.baseMVA = 10;    % MVA

%% bus data
%	bus_i	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [  %% (Pd and Qd in kW and kvar, converted below)
	1	3	0	0	0	0	1	1	0	110	1	1.1	0.9;
	10	1	100*2	+60	0	0	1	1	0	20	1	1.1	0.9	% a row that ends with its line
	20, 1, 1500/2, -40, 0, 0.5, 1, 1, 0, 20, 1, 1.1, 0.9
	30	1	(120 + 30)	8e1	.02	0	1	1	0	20	1	1.1	0.9;
	40	2	0	0	0	0	1	1	0	20	1 ...
		1.1	0.9;
];

%% generator data
mpc.gen = [
	1	0	0	Inf	-Inf	1.02	10	1	10	0;
	40	0.6	0	1	-1	1.01	10	1	1	0;
	20	0.1	0.02	1	-1	1	10	0	1	0;
];

%% branch data: r and x of the lines in ohm, converted below
%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [
	1	10	0.2	4	0	25	0	0	0.98	-30	1	-360	360;
	10	20	1.1	0.7	0.001	5	0	0	0	0	1	-360	360;
	20	30	0.9	0.6	0	0	0	0	0	0	1	-360	360;
	30	40	0.7	.5	0	0	0	0	0	0	1	-360	360;
	10	40	1.3	0.9	0	0	0	0	0	0	0	-360	360;
];

mpc.gencost = [
	2	0	0	3	0	20	0;
	2	0	0	3	0	25	0;
	2	0	0	3	0	30	0;
];

mpc.bus_name = {
	'Grid';
	'Busbar';
	'Miller''s';
	'Village';
	'Plant';
};

%% conversions
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, ...
    TAP, SHIFT, BR_STATUS, PF, QF, PT, QT, MU_SF, MU_ST, ...
    ANGMIN, ANGMAX, MU_ANGMIN, MU_ANGMAX] = idx_brch;
Vbase = mpc.bus(2, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
pf = 0.9;
mpc.bus(4, QD) = mpc.bus(4, PD) * tan(acos(pf));
