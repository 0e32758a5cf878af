# Start latency of each arm: launch to the agent's first byte
# Redraw: gnuplot start.gp
here = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] {
        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }
    }
}
data = here.'start.dat'
set encoding utf8
set terminal svg name 'start' size 820,288 dynamic noenhanced background '#ffffff' font 'sans-serif,13'
set output here.'start.svg'
set border 3 lc rgb '#808080'
set tics nomirror out scale 0.6 textcolor lt -1
set grid lt 1 lw 0.4 lc rgb '#B0B0B0'
set xlabel offset 0,0.4
unset key
set label 'Start latency of each arm: launch to the agent''s first byte' at screen 0.0146, screen 0.9236 left font ',15'
set tmargin at screen 0.8333
set bmargin at screen 0.2222
set logscale x
set xrange [1.23825:3418.49]
set yrange [3.6:-0.75]
set xtics ('3 ms' 3, '10 ms' 10, '30 ms' 30, '100 ms' 100, '300 ms' 300, '1 s' 1000, '3 s' 3000)
set ytics ('host' 0, 'host2' 1, 'container' 2, 'vm (emulated)' 3)
set arrow from 1.84168, -0.30 to 1.84168, 0.30 nohead lw 2.5 lc rgb '#808080' front
set label '1.84 ms' at 1.84168, -0.42 center font ',11'
set arrow from 2.00079, 0.70 to 2.00079, 1.30 nohead lw 2.5 lc rgb '#808080' front
set label '2.00 ms' at 2.00079, 0.58 center font ',11'
set arrow from 6.8162, 1.70 to 6.8162, 2.30 nohead lw 2.5 lc rgb '#0072B2' front
set label '6.82 ms' at 6.8162, 1.58 center font ',11'
set arrow from 2240.03, 2.70 to 2240.03, 3.30 nohead lw 2.5 lc rgb '#D55E00' front
set label '2.24 s' at 2240.03, 2.58 center font ',11'
set xlabel 'time to start (log scale): shorter is better ←'
plot data index 0 using 1:2 with points lc rgb '#808080' pt 7 ps 0.6, \
     data index 1 using 1:2 with points lc rgb '#808080' pt 6 ps 0.6, \
     data index 2 using 1:2 with points lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 3 using 1:2 with points lc rgb '#D55E00' pt 5 ps 0.6
