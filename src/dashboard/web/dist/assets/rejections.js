import{B as e,C as t,D as n,E as r,G as i,H as a,J as o,V as s,W as c,_ as l,a as u,c as d,d as f,f as p,i as m,l as h,m as g,n as _,o as v,p as y,q as b,r as x,s as S,t as C,u as w,y as T}from"./shared.js";var E={WALK_INS:`Walk-ins whom nobody checks in`,MID_STREAM:`Switched on in mid-stream`,OVERTAKING:`Deliveries overtake each other`};function D({source:e,pattern:t,explanation:n,setting:r}){let i=`[[source]]\nname = "${e}"\n${r}`,a=`advice-${e}-${t}`;return o`<section class="panel advice" aria-labelledby=${a} data-pattern=${t} data-source=${e}>
    <h2 id=${a}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${E[t]} <span class="amount">${e}</span>
    </h2>
    <p>${v(n)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${e}">${i}</pre>
      <copy-button .text=${r} .what=${`the setting ${r}`}></copy-button>
    </div>
  </section>`}var O=[`REJECTED`,`UNRECOGNIZED`,`UNREADABLE`],k=[`NOT_CREATED`,`STATUS_NOT_ALLOWED`,`STEP_NOT_DONE`,`STEP_NOT_LAST`,`UNKNOWN_EVENT_TYPE`,`NOT_JSON`,`NOT_AN_OBJECT`,`FIELD_REPEATED`,`APPOINTMENT_ID_MISSING`,`APPOINTMENT_ID_INVALID`,`EVENT_TYPE_MISSING`,`EVENT_TYPE_INVALID`],A=25;async function j({source:e,from:t,to:n},r){let{rejections:i}=await s(`query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`,{source:e,from:N(t),to:N(n)},r);return i}async function M({source:e,outcome:t,code:n,from:r,to:i},a,o){let c=`query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${S}`,l={source:e,outcome:t?[t]:O,code:n?[n]:null,receivedAt:{from:N(r),to:N(i)}},{deliveries:u}=await s(c,{filter:l,last:A,before:a},o),{nodes:d,pageInfo:f}=u;return{deliveries:d.reverse(),older:f.hasPreviousPage?f.startCursor:null}}function N(e){return new Date(e).toISOString()}function P({groups:e},t,n,r){let i=e.filter(({outcome:e,code:n})=>(!t.outcome||e===t.outcome)&&(!t.code||n===t.code)),a=i.reduce((e,t)=>e+t.count,0);return o`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="amount">${l(a,`delivery`,`deliveries`)}</span></h2>
    ${i.length===0?o`<p class="notice">Nothing of this kind arrived in this time.</p>`:o`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${i.map(e=>F(e,n,r))}
          </tbody>
        </table>`}
  </section>`}function F(e,n,r){let{source:i,outcome:a,code:s,eventType:c,count:l,firstReceivedAt:u,lastReceivedAt:d,explanation:f}=e;return o`<tr data-code=${s} data-event=${c??``} data-source=${i}>
    <td class="number" data-label="Count">${l.toLocaleString(`en-US`)}</td>
    <td data-label="Source">${i}</td>
    <td class="why">
      <p class="what">
        <b>${c?T(c):a===`UNREADABLE`?`A body that can’t be read`:`An event type that is not known`}</b>
        ${w(a)} <a href=${r({source:i,code:s})}><code>${s}</code><span class="unseen"> of ${i} only</span></a>
      </p>
      <p>${v(f)}</p>
    </td>
    <td class="times" data-label="First and last">${t(u,n)}<br />${t(d,n)}</td>
  </tr>`}function I(e,t,n,r,i){let a=e.flatMap(e=>e.deliveries);return a.length===0?b:o`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="amount">newest first</span></h2>
    ${t.isAdmin?b:o`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${m(a,({position:e})=>e,e=>L(e,t,n))}
    </ol>
    ${e.at(-1)?.older?o`<button type="button" class="older" ?disabled=${r} @click=${i}>Show older deliveries</button>`:o`<p class="quiet">These are all.</p>`}
  </section>`}function L(e,t,n){let{source:r,appointmentId:i,position:a,code:s,reason:c}=e,l=i&&`/appointment/${encodeURIComponent(r)}/${encodeURIComponent(i)}`;return o`<li class="panel delivery" data-position=${a} data-outcome=${e.outcome}>
    <p class="what">
      <span class="said">${y(e)}</span> ${w(e.outcome)}
      ${s?o`<code>${s}</code>`:b}
      <span class="to">${r} · delivery ${a}</span>
    </p>
    <p class="when">${d(e,n)} ${i?g(e):b}</p>
    ${c?o`<p class="reason">${v(c)}</p>`:b}
    ${l?p(e,e=>`${l}?at=${e}`).map(e=>o`<p class="remark">${e}</p>`):b}
    ${l?o`<p><a href="${l}?at=${a}">Appointment ${i} after it</a></p>`:o`<p class="quiet">It names no appointment.</p>`}
    ${h(e,t.isAdmin)}
  </li>`}var R=5e3,z=class extends i{static{this.properties={route:{attribute:!1}}}#e=null;#t=null;#n=null;#r=null;#i=[];#a=null;#o=!1;#s=new AbortController;#c;#l=0;disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.#c),this.#s.abort()}willUpdate(e){e.has(`route`)&&this.#f()}render(){return o`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#e&&this.#n&&this.#t?this.#u(this.#e,this.#n,this.#t):b}
      ${this.#a?o`<p class="notice" role="alert">${this.#a}</p>`:b}
      ${this.#e||this.#a?b:o`<p class="quiet">Loading…</p>`}
    </div>`}#u(e,t,r){let i=n(e,r.source),a=this.#r,s=e.sources.map(({name:e})=>[e,e]);return o`<form class="asked" aria-label="What is shown" @submit=${e=>e.preventDefault()}>
        ${_(t,i)} ${C(`source`,`Source`,`all sources`,s,r.source)}
        ${C(`outcome`,`Outcome`,`all three`,O.map(e=>[e,f(e)]),r.outcome)}
        ${C(`code`,`Code`,`all codes`,k.map(e=>[e,e]),r.code)}
        <button type="button" @click=${()=>void this.#f()} ?disabled=${this.#o}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${i}.${this.#o?` Loading…`:b}</p>
      ${t.error?o`<p class="notice" role="alert">${t.error}</p>`:b}
      ${a?o`${a.advice.map(e=>D(e))} ${P(a,r,i,this.#d)}
            ${I(this.#i,e,i,this.#o,()=>void this.#p())}`:b}`}#d=e=>{let t=new URL(this.route.url);for(let[n,r]of Object.entries(e))t.searchParams.set(n,r);return t.pathname+t.search};async#f(){clearTimeout(this.#c),this.#s.abort(),this.#s=new AbortController;let{signal:e}=this.#s;await this.#m(e,async()=>{let t=this.#e??await r(),i=e=>this.route.url.searchParams.get(e),a=i(`source`),o=c.now(),s=x(this.route.url,n(t,a),o,`24h`),l=s.name===`own`?s.to:o+R,u={source:a,outcome:i(`outcome`),code:i(`code`),from:s.from,to:l};if([this.#e,this.#n,this.#t]=[t,s,u],s.error){[this.#r,this.#i]=[null,[]];return}this.requestUpdate();let[d,f]=await Promise.all([j(u,e),M(u,null,e)]);e.aborted||([this.#r,this.#i]=[d,[f]])})}async#p(){let[e,t,{signal:n}]=[this.#i.at(-1)?.older,this.#t,this.#s];!e||!t||this.#o||await this.#m(n,async()=>{let r=await M(t,e,n);n.aborted||(this.#i=[...this.#i,r])})}async#m(t,n){this.#o=!0,this.requestUpdate();try{await n(),t.aborted||([this.#a,this.#l]=[null,0])}catch(n){if(t.aborted)return;this.#a=a(n),n instanceof e&&n.passes&&(this.#c=setTimeout(()=>void this.#f(),u(this.#l++))),[this.#r,this.#i]=[null,[]]}t.aborted||(this.#o=!1,this.requestUpdate())}};customElements.define(`clockfold-rejections`,z);export{z as RejectionsPage};